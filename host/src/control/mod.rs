//! A running host, and how it is asked: the socket `run/control.sock` of its home.
//!
//! A host that runs holds its home alone, so whoever wants something of that home asks it. Each request is a file of
//! [`requests`]; an [`Operator`] lends it what it works on: the running host where the request came by its socket, the
//! home itself where no host runs. [`reach`] finds out which it is.
//!
//! The protocol: frames ([`frame`]) of JSON, `{ "v": 4, "astrid": "1.0.0", "body": … }`. The host says `hello` to who
//! connects. Then a connection asks, one request after another; the answer to each is any number of remarks (a
//! warning, a line that a guest logged meanwhile, a part of a log), then `done` with the reply, or `failed` with the
//! [`Problem`]. A client that closes the connection, or reads nothing for a minute, gives up what it asked for; what it
//! published goes on. Requests of one kind ([`Place`]) leave places for the others. What a
//! later version says, an earlier one doesn't guess at: it says that the versions differ.
//!
//! In here: who may connect, what may be asked, and how it is answered. What is asked for is the library's to do.

mod client;
mod connection;
mod error;
pub mod frame;
pub mod message;
mod operator;
mod places;
mod problem;
mod protocol;
mod remark;
pub mod requests;
mod server;
mod socket;

pub use client::{Client, Reached, claim, freed, reach};
pub use error::ControlError;
pub use operator::{Held, Hold, Operator};
pub use problem::Problem;
pub use protocol::VERSION;
pub use remark::{MissingHome, Place, Remark, Remarks};
pub use requests::Ask;
pub use server::{Ended, LONGEST_DRAIN, Server, Stopper};

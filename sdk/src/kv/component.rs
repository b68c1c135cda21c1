//! The functions behind [`kv`](crate::kv), as calls to the host.

pub use crate::component::imports::astrid::kv::host::{
    kv_cas, kv_clear_prefix, kv_delete, kv_get, kv_list_keys, kv_list_keys_page, kv_set,
};

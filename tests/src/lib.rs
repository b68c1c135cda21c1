//! What the end-to-end tests and the bench share.

//! The functions behind [`fs`](crate::fs), as calls to the host.

pub use crate::component::imports::astrid::fs::host::{
    FileHandle, fs_append, fs_canonicalize, fs_copy, fs_exists, fs_hard_link, fs_mkdir,
    fs_mkdir_all, fs_open, fs_read_link, fs_readdir, fs_remove_dir_all, fs_rename, fs_stat,
    fs_stat_symlink, fs_unlink, read_file, write_file,
};

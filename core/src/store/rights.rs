//! Who may read a file, under which names it is there, and how it is opened: what differs between operating systems.
//!
//! On Unix files are made for their owner alone, and no link is followed. Elsewhere files inherit the rights of the user's
//! profile directory, and directories can't be flushed.

use std::{
    fs::{File, Metadata},
    io,
    path::Path,
};

#[cfg(feature = "sqlite")]
pub(super) use imp::{FileId, file_id};
pub(super) use imp::{
    belongs_to_another, create_directory, create_new, flush_directory, has_other_names, open, open_or_create,
    others_may_read,
};

#[cfg(unix)]
mod imp {
    use std::{
        fs::{DirBuilder, OpenOptions, remove_file},
        os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    };

    use super::{File, Metadata, Path, io};

    /// Which file is at a path, whatever its name.
    #[cfg(feature = "sqlite")]
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(in super::super) struct FileId(u64, u64);

    #[cfg(feature = "sqlite")]
    pub(in super::super) fn file_id(found: &Metadata) -> FileId {
        FileId(found.dev(), found.ino())
    }

    pub(in super::super) fn create_directory(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(in super::super) fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    }

    pub(in super::super) fn open_or_create(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
    }

    pub(in super::super) fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
    }

    pub(in super::super) fn others_may_read(found: &Metadata) -> bool {
        found.mode() & 0o077 != 0
    }

    pub(in super::super) fn has_other_names(found: &Metadata) -> bool {
        found.nlink() > 1
    }

    /// Whether a directory is not of the user whom this process makes files for, told by making one. Where none can be made
    /// nothing is to be feared.
    pub(in super::super) fn belongs_to_another(directory: &Path, found: &Metadata) -> bool {
        let path = directory.join(format!("whose-{}", crate::random::token()));
        let made = create_new(&path).and_then(|file| file.metadata());
        let _ = remove_file(&path);
        made.is_ok_and(|made| made.uid() != found.uid())
    }

    pub(in super::super) fn flush_directory(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::{OpenOptions, create_dir_all};

    use super::{File, Metadata, Path, io};

    /// Not known here: every file is taken for the same.
    #[cfg(feature = "sqlite")]
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(in super::super) struct FileId;

    #[cfg(feature = "sqlite")]
    pub(in super::super) fn file_id(_: &Metadata) -> FileId {
        FileId
    }

    pub(in super::super) fn create_directory(path: &Path) -> io::Result<()> {
        create_dir_all(path)
    }

    pub(in super::super) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(in super::super) fn open_or_create(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    pub(in super::super) fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(in super::super) fn others_may_read(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn has_other_names(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn belongs_to_another(_: &Path, _: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn flush_directory(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

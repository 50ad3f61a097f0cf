//! What can go wrong with the audit trail.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a record was not kept, or the file not opened.
#[derive(Clone, Debug)]
pub enum AuditError {
    /// The file cannot be opened or read.
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: Arc<io::Error>,
    },
    /// Another process has it.
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The record could not be written.
    Write(Arc<io::Error>),
    /// The runtime has come to its end.
    Closed,
    /// A sync failed, now or earlier; what the file holds is uncertain.
    Uncertain,
    /// The file was removed, replaced, cut or changed while it was written.
    Gone {
        /// Where it was.
        path: PathBuf,
    },
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => write!(f, "the audit file {} cannot be opened", path.display()),
            Self::Locked { path } => {
                write!(f, "another process writes the audit file {}; give each toolbox its own", path.display())
            }
            Self::Write(_) => f.write_str("the audit record could not be written"),
            Self::Gone { path } => write!(
                f,
                "the audit file {} was removed, replaced, cut or changed by somebody; put it back, or restart the toolbox, which puts back what its journal holds and goes on from there",
                path.display()
            ),
            Self::Closed => f.write_str("the runtime has stopped"),
            Self::Uncertain => {
                f.write_str("an audit record could not be made durable earlier; check the disk and restart the toolbox")
            }
        }
    }
}

impl std::error::Error for AuditError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { cause, .. } | Self::Write(cause) => Some(&**cause),
            Self::Locked { .. } | Self::Gone { .. } | Self::Closed | Self::Uncertain => None,
        }
    }
}

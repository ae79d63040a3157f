//! What all handles can do, written once: call any operation by its name, call a path that is not known, and take
//! options. And [`Handle`], which is any of them.

use serde_json::{Map, Value};

use crate::{Account, Client, Error, ErrorKind, Organization, Reply, Result, ServiceAccount, caller::Caller};

/// Implements the common part of a handle, which is a struct with a field `caller`.
macro_rules! handle {
    ($handle:ident) => {
        impl $handle {
            pub(crate) fn new(caller: crate::caller::Caller) -> Self {
                Self { caller }
            }

            /// Calls an operation by its name, with arguments by their wire names.
            ///
            /// # Errors
            /// [`Invalid`](crate::ErrorKind::Invalid), before any I/O, for an unknown operation, for one that needs
            /// another credential, and for arguments that are missing, unknown or of the wrong shape.
            pub async fn send(
                &self,
                operation: &str,
                arguments: serde_json::Map<String, serde_json::Value>,
            ) -> crate::Result<crate::Reply> {
                self.caller.send(crate::caller::find_operation(operation)?, arguments).await
            }

            /// Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated,
            /// anything else only if it surely never arrived.
            pub async fn request(
                &self,
                method: http::Method,
                path: &str,
                query: &[(String, String)],
                body: Option<&serde_json::Value>,
            ) -> crate::Result<crate::Reply> {
                self.caller.request(method, path, query, body).await
            }

            /// Follows the link to the next page that an earlier reply of `operation` held.
            ///
            /// # Errors
            /// [`Invalid`](crate::ErrorKind::Invalid), naming `next_page`, if the link leads anywhere but to Cronofy's
            /// API: credentials never follow it.
            pub async fn follow(&self, operation: &str, next_page: &str) -> crate::Result<crate::Reply> {
                self.caller.follow(crate::caller::find_operation(operation)?, next_page).await
            }

            /// The same handle with other options for its calls. A cheap view.
            pub fn with_options(&self, options: crate::CallOptions) -> Self {
                Self { caller: self.caller.with_options(options) }
            }

            #[allow(dead_code, reason = "nothing is made from a `Handle`")]
            pub(crate) fn caller(&self) -> crate::caller::Caller {
                self.caller.clone()
            }
        }
    };
}

pub(crate) use handle;

/// Any handle: a client, an organization, an account or a service account. For code that calls operations by name on
/// whatever it is given, as the packages for other languages do.
///
/// ```no_run
/// # async fn example(organization: orgconnect::Organization) -> orgconnect::Result<()> {
/// let handle = orgconnect::Handle::from(&organization);
/// let reply = handle.send_json("organization.list_members", b"{}").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Handle {
    caller: Caller,
}

handle!(Handle);

impl Handle {
    /// Calls an operation by its name, with its arguments as the text of one JSON object with wire names. An empty text
    /// is an empty object.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Invalid`](ErrorKind::Invalid), naming `arguments`, if the text is not a JSON object.
    pub async fn send_json(&self, operation: &str, arguments: &[u8]) -> Result<Reply> {
        let operation = crate::find_operation(operation)?;
        let arguments = if arguments.is_empty() { Map::new() } else { object(operation.name, arguments)? };
        self.caller.send(operation, arguments).await
    }
}

/// Reads the text of a JSON object.
fn object(what: &str, text: &[u8]) -> Result<Map<String, Value>> {
    serde_json::from_slice(text).map_err(|error| {
        // Where, and not what: the text may hold a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        let message = format!("{what}: the arguments must be one JSON object; this is not one from {place}");
        Error::new(ErrorKind::Invalid, message).with_field(
            "arguments",
            "errors.invalid",
            "must be one JSON object",
        )
    })
}

impl From<&Client> for Handle {
    fn from(client: &Client) -> Self {
        Self::new(client.caller())
    }
}

impl From<&Organization> for Handle {
    fn from(organization: &Organization) -> Self {
        Self::new(organization.caller())
    }
}

impl From<&Account> for Handle {
    fn from(account: &Account) -> Self {
        Self::new(account.caller())
    }
}

impl From<&ServiceAccount> for Handle {
    fn from(service_account: &ServiceAccount) -> Self {
        Self::new(service_account.caller())
    }
}

//! What all handles can do, written once: call any operation by its name, call a path that is not known, and take
//! options.

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

            #[cfg(feature = "api")]
            pub(crate) fn caller(&self) -> crate::caller::Caller {
                self.caller.clone()
            }
        }
    };
}

pub(crate) use handle;

//! The two names that callers choose or pass around: whom to act as, and which connection to use.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// The `sub` of an account, application calendar or resource: `acc_…`, `apc_…`, `res_…`.
///
/// It becomes the value of the `Cronofy-Impersonate` header, so it is checked when it is made: 1 to 128 letters,
/// digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sub(String);

impl Sub {
    /// Checks and takes a `sub`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming `sub`, for anything that no `sub` can be.
    pub fn new(sub: impl Into<String>) -> Result<Self> {
        let sub = sub.into();
        if sub.contains('@') {
            return Err(Error::invalid(
                "sub",
                "this is an e-mail address; resolve it with `impersonate_email`, or pass a `sub` like acc_…",
            ));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if sub.is_empty() || sub.len() > 128 || !sub.bytes().all(fits) {
            return Err(Error::invalid(
                "sub",
                "must be 1 to 128 ASCII letters, digits, `_` or `-`; pass the `sub` of a member as Cronofy returned it",
            ));
        }
        Ok(Self(sub))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a connection in the token store.
///
/// By default it is the `sub` that came with the grant; an application may choose its own, for example the id of its
/// tenant. 1 to 200 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// Checks and takes a connection id.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming `connection_id`.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        if id.is_empty() || id.len() > 200 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid(
                "connection_id",
                "must be 1 to 200 visible ASCII characters without blanks",
            ));
        }
        Ok(Self(id))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = Error;

            fn try_from(value: &$name) -> Result<Self> {
                Ok(value.clone())
            }
        }
    };
}

text_type!(Sub);
text_type!(ConnectionId);

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_sub_that_could_split_a_header_is_refused_and_named() {
        for bad in ["", "acc_1\r\nX: y", "acc_1\n", "acc\0", "acc_ü", "acc 1", "acc:1"] {
            let error = Sub::new(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.fields().contains_key("sub"));
        }
        assert!(Sub::new("acc_5700a00eb0ccd07000000000").is_ok());
    }

    #[test]
    fn an_email_given_as_a_sub_gets_the_name_of_the_call_that_takes_it() {
        assert!(Sub::new("doc@example.com").unwrap_err().message().contains("impersonate_email"));
    }

    proptest! {
        #[test]
        fn every_sub_that_is_accepted_is_a_valid_header_value(text in ".{0,40}") {
            if let Ok(sub) = Sub::new(text) {
                prop_assert!(http::HeaderValue::from_str(sub.as_str()).is_ok());
            }
        }
    }
}

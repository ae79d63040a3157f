//! Signs the tokens with which a page embeds Cronofy's scheduler.

use orgconnect::SystemClock;
use pyo3::prelude::*;

use crate::{
    convert::{Text, object, optional_duration},
    error::Raise,
};

/// Signs embed tokens with the key pair of an embed.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct EmbedTokens(orgconnect::EmbedTokens);

#[pymethods]
impl EmbedTokens {
    #[new]
    #[pyo3(signature = (public_key, secret, lifetime = None))]
    fn new(
        py: Python<'_>,
        public_key: Text<'_>,
        secret: Text<'_>,
        lifetime: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let tokens =
            orgconnect::EmbedTokens::new(String::from(public_key), String::from(secret)).or_raise(py)?;
        Ok(Self(match optional_duration("lifetime", lifetime)? {
            Some(lifetime) => tokens.lifetime(lifetime).or_raise(py)?,
            None => tokens,
        }))
    }

    /// Signs a token that carries these claims, given as the text of a JSON object.
    fn sign(&self, py: Python<'_>, claims: &[u8]) -> PyResult<String> {
        let token = self.0.sign(object(py, "claims", claims)?, &SystemClock).or_raise(py)?;
        Ok(token.expose().to_owned())
    }
}

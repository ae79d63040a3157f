//! Access tokens that somebody else hands out: for programs that must not hold a secret or a refresh token, such as apps
//! on people's devices. One question at a time, however many calls wait for its answer.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::Instrument;

use crate::{Error, ErrorKind, Result, Secret, http::request, lock::lock, process::PerProcess, wire::Wire};

/// A token is replaced this long before it ends, or a tenth of its life if that is shorter.
const LONGEST_MARGIN: Duration = Duration::from_secs(30);

/// Hands out short-lived access tokens, mostly by asking your own backend, which knows who is signed in.
///
/// It is asked for a token when there is none that is good, and once more when the API refuses one. Calls that need a
/// token at the same time share one question, which goes on to its end even if they are cancelled.
#[async_trait]
pub trait AccessTokenSource: fmt::Debug + Send + Sync + 'static {
    /// A token for the user who is signed in. `rejected` is the token that the API has just refused, if that is why
    /// another is wanted: don't return it again.
    async fn access_token(&self, rejected: Option<&Secret>) -> Result<AccessToken, TokenSourceError>;
}

/// A short-lived access token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token itself.
    pub token: Secret,
    /// When it ends. `None`: it is used until it is refused.
    pub expires_at: Option<Timestamp>,
}

impl AccessToken {
    /// A token that is used until it is refused.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self { token: token.into(), expires_at: None }
    }

    /// Says when it ends.
    pub fn expires_at(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSourceError {
    /// Nobody is signed in, or no calendar is connected: only the user can mend it. With a sentence that holds no
    /// secret.
    SignedOut(String),
    /// The source can't be reached now; a later try may succeed. With a sentence that holds no secret.
    Unavailable(String),
}

impl fmt::Display for TokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedOut(message) | Self::Unavailable(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for TokenSourceError {}

impl From<TokenSourceError> for Error {
    fn from(error: TokenSourceError) -> Self {
        match &error {
            TokenSourceError::SignedOut(message) => {
                let message =
                    format!("access token source: {message}; sign the user in, or connect a calendar");
                Self::authorization("signed_out", message).reauthorize().with_source(error)
            }
            TokenSourceError::Unavailable(message) => {
                let message = format!("access token source: {message}; try again");
                Self::new(ErrorKind::Network, message)
                    .with_code("token_source_unavailable")
                    .with_source(error)
            }
        }
    }
}

/// A token as calls use it.
pub(crate) struct SourcedToken {
    pub(crate) authorization: HeaderValue,
    token: Secret,
    /// When another is asked for.
    replace_at: Option<Timestamp>,
}

/// What a source has handed out, and the question that is under way.
pub(crate) struct SourcedTokens {
    source: Arc<dyn AccessTokenSource>,
    state: PerProcess<Mutex<State>>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<SourcedToken>>,
    question: Option<watch::Receiver<Option<Result<Arc<SourcedToken>>>>>,
}

impl SourcedTokens {
    pub(crate) fn new(source: Arc<dyn AccessTokenSource>) -> Self {
        Self { source, state: PerProcess::new(Mutex::default()) }
    }

    /// A token that is good, and not the one that was rejected.
    pub(crate) async fn token(
        self: &Arc<Self>,
        wire: &Arc<Wire>,
        rejected: Option<&Arc<SourcedToken>>,
    ) -> Result<Arc<SourcedToken>> {
        let mut question = {
            let mut state = lock(self.state.get(Mutex::default));
            if let Some(current) = &state.current
                && current.is_good(wire.now())
                && rejected.is_none_or(|rejected| !Arc::ptr_eq(current, rejected))
            {
                return Ok(Arc::clone(current));
            }
            match &state.question {
                // One whose runtime was shut down ends without a word.
                Some(question) if question.has_changed().is_ok() => question.clone(),
                _ => state.question.insert(self.ask(wire, rejected)).clone(),
            }
        };
        let answer = question.wait_for(Option::is_some).await.map(|answer| answer.clone());
        answer.ok().flatten().unwrap_or_else(|| {
            let why = "the access token source ended without an answer; see what it logged, and try again";
            Err(Error::new(ErrorKind::Network, why).with_code("token_source_unavailable"))
        })
    }

    /// Asks in a task of its own, so that a caller that goes away takes the answer from nobody.
    fn ask(
        self: &Arc<Self>,
        wire: &Arc<Wire>,
        rejected: Option<&Arc<SourcedToken>>,
    ) -> watch::Receiver<Option<Result<Arc<SourcedToken>>>> {
        let (sender, receiver) = watch::channel(None);
        let (tokens, wire) = (Arc::clone(self), Arc::clone(wire));
        let rejected = rejected.map(|rejected| rejected.token.clone());
        let asking = async move {
            let asked =
                tokio::time::timeout(wire.timeout, tokens.source.access_token(rejected.as_ref())).await;
            let answer = match asked {
                Ok(Ok(token)) => SourcedToken::new(token, wire.now()).map(Arc::new),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => {
                    let why = "the access token source gave no token within the time allowed; try again";
                    Err(Error::new(ErrorKind::Timeout, why))
                }
            };
            let mut state = lock(tokens.state.get(Mutex::default));
            match &answer {
                Ok(token) => state.current = Some(Arc::clone(token)),
                Err(error) => tracing::debug!(%error, "no access token"),
            }
            state.question = None;
            drop(state);
            sender.send_replace(Some(answer));
        };
        tokio::spawn(asking.instrument(tracing::debug_span!("orgconnect.token_source")));
        receiver
    }
}

impl SourcedToken {
    fn new(token: AccessToken, now: Timestamp) -> Result<Self> {
        let authorization = request::bearer(&token.token).map_err(|_| {
            let why = "access token source: the token is empty or not visible ASCII; hand it out as Cronofy issued it";
            Error::new(ErrorKind::Invalid, why).with_field("access_token", "errors.invalid", "is no token")
        })?;
        let replace_at = token.expires_at.map(|end| {
            let left = end.duration_since(now);
            let margin = (left / 10).min(SignedDuration::try_from(LONGEST_MARGIN).unwrap_or_default());
            end.saturating_sub(margin.max(SignedDuration::ZERO)).unwrap_or(end)
        });
        Ok(Self { authorization, token: token.token, replace_at })
    }

    fn is_good(&self, now: Timestamp) -> bool {
        self.replace_at.is_none_or(|replace_at| now < replace_at)
    }
}

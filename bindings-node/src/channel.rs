//! What goes back to a JavaScript thread: finished calls, and questions to stores that are written in JavaScript. Many
//! travel together, since waking the thread is what costs.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::{AbortHandle, Abortable};
use napi::{
    JsString, Status,
    bindgen_prelude::{Array, Either, Env, Function, Uint8Array},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use orgconnect::{Error, Reply};
use tokio::sync::oneshot;

use crate::{
    connection::NativeConnection,
    error::{self, Result},
    handle::NativeHandle,
    runtime,
};

/// What a call came to.
pub(crate) enum Done {
    Nothing,
    /// The body of a reply, and nothing else of it.
    Body(Reply),
    /// Everything that is told of a reply.
    Reply(Reply),
    Text(String),
    Handle(Box<NativeHandle>),
    Connection(Box<NativeConnection>),
}

enum Message {
    Done(Done),
    Failed(Error),
    /// The call ended without an outcome: it was cancelled, or it broke.
    Lost,
    Question(Question),
}

/// Something that a store in JavaScript is asked.
#[napi(object, object_from_js = false)]
pub struct Question {
    /// What the answer refers to.
    pub number: u32,
    /// The number of the store.
    pub store: u32,
    /// The method.
    pub method: String,
    /// Its arguments as JSON.
    pub arguments: String,
}

/// What a store in JavaScript has answered.
pub(crate) struct Answer {
    /// JSON of what the method returned; of a failure what `error::HostFailure` holds.
    pub(crate) text: String,
    pub(crate) failed: bool,
}

/// A reply with all that is told of it.
#[napi(object, object_from_js = false)]
pub struct FullReply<'env> {
    pub status: u16,
    pub request_id: Option<String>,
    pub next_page: Option<String>,
    /// Names and values in turn, each on a line of its own.
    pub headers: String,
    /// Text, unless it is none.
    pub body: Either<JsString<'env>, Uint8Array>,
}

pub(crate) struct Shared {
    messages: Mutex<Vec<(i32, Message)>>,
    running: Mutex<HashMap<i32, AbortHandle>>,
    asked: Mutex<Option<HashMap<u32, oneshot::Sender<Answer>>>>,
    next_question: AtomicU32,
    wake: ThreadsafeFunction<(), (), (), Status, false, true>,
}

/// The way to one JavaScript thread. It does not keep the process alive; TypeScript does while calls run.
#[napi]
pub struct Channel {
    shared: Arc<Shared>,
}

#[napi]
impl Channel {
    /// `wake` is called when there is something to drain, and must not throw.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> napi::Result<Self> {
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().build()?;
        let shared = Arc::new(Shared {
            messages: Mutex::default(),
            running: Mutex::default(),
            asked: Mutex::new(Some(HashMap::new())),
            next_question: AtomicU32::new(0),
            wake,
        });
        // When the thread ends nobody answers any more: whoever waits for a store is told so at once.
        env.add_env_cleanup_hook(Arc::downgrade(&shared), |shared| {
            if let Some(shared) = shared.upgrade() {
                lock(&shared.asked).take();
            }
        })?;
        Ok(Self { shared })
    }

    /// Everything that has happened: numbers of calls and what they came to, in turn. A failure has the number's negative
    /// and is a record as JSON, or null when the call was lost; a question has 0.
    #[napi(catch_unwind)]
    pub fn drain<'env>(&self, env: &'env Env) -> napi::Result<Array<'env>> {
        let messages = std::mem::take(&mut *lock(&self.shared.messages));
        let mut drained = env.create_array(u32::try_from(messages.len() * 2).unwrap_or(0))?;
        for (index, (id, message)) in (0..).step_by(2).zip(messages) {
            let failed = matches!(message, Message::Failed(_) | Message::Lost);
            drained.set(index, if failed { -id } else { id })?;
            match message {
                Message::Done(Done::Nothing) | Message::Lost => drained.set(index + 1, ())?,
                Message::Done(Done::Body(reply)) => drained.set(index + 1, body(env, &reply)?)?,
                Message::Done(Done::Reply(reply)) => drained.set(index + 1, full(env, reply)?)?,
                Message::Done(Done::Text(text)) => drained.set(index + 1, text)?,
                Message::Done(Done::Handle(handle)) => drained.set(index + 1, *handle)?,
                Message::Done(Done::Connection(connection)) => drained.set(index + 1, *connection)?,
                Message::Failed(error) => drained.set(index + 1, error::record(&error))?,
                Message::Question(question) => drained.set(index + 1, question)?,
            }
        }
        Ok(drained)
    }

    /// Gives up a call that was begun as one that may be given up.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: i32) {
        if let Some(handle) = lock(&self.shared.running).remove(&id) {
            handle.abort();
        }
    }

    /// Answers a question.
    #[napi(catch_unwind)]
    pub fn answer(&self, number: u32, failed: bool, text: String) {
        let sender = lock(&self.shared.asked).as_mut().and_then(|asked| asked.remove(&number));
        if let Some(sender) = sender {
            // Nobody waits any more: the store took too long.
            let _ = sender.send(Answer { text, failed });
        }
    }
}

impl Channel {
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Carries out a call, and reports what it came to under its number.
    ///
    /// The call is made on the thread of the runtime: its future is large, and each time it changes hands it is copied.
    pub(crate) fn run<C>(
        &self,
        id: i32,
        may_be_cancelled: bool,
        call: impl FnOnce() -> C + Send + 'static,
    ) -> Result<()>
    where
        C: Future<Output = orgconnect::Result<Done>> + Send + 'static,
    {
        let ticket = Ticket { shared: self.shared(), id, outcome: Message::Lost };
        let begun = if may_be_cancelled {
            let (handle, registration) = AbortHandle::new_pair();
            lock(&self.shared.running).insert(id, handle);
            runtime::begin(move || async move {
                let mut ticket = ticket;
                let outcome = Abortable::new(call(), registration).await;
                lock(&ticket.shared.running).remove(&id);
                if let Ok(outcome) = outcome {
                    ticket.outcome = outcome.map_or_else(Message::Failed, Message::Done);
                }
            })
        } else {
            runtime::begin(move || async move {
                let mut ticket = ticket;
                ticket.outcome = call().await.map_or_else(Message::Failed, Message::Done);
            })
        };
        begun.map_err(error::thrown)
    }
}

impl Shared {
    /// Asks a store in JavaScript. `None` if there is nobody to answer any more.
    pub(crate) async fn ask(&self, store: u32, method: &str, arguments: String) -> Option<Answer> {
        let number = self.next_question.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        lock(&self.asked).as_mut()?.insert(number, sender);
        let question = Question { number, store, method: method.to_owned(), arguments };
        let answer = Asked { shared: self, number };
        self.tell(0, Message::Question(question));
        let answered = receiver.await.ok();
        drop(answer);
        answered
    }

    fn tell(&self, id: i32, message: Message) {
        let is_first = {
            let mut messages = lock(&self.messages);
            messages.push((id, message));
            messages.len() == 1
        };
        // Whoever finds others waiting knows that the thread has been woken and has not come yet. A thread that is ending
        // takes nothing any more, and nothing is left on it that waits.
        if is_first {
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// Reports the outcome when it is dropped, so that a call which breaks is reported too.
struct Ticket {
    shared: Arc<Shared>,
    id: i32,
    outcome: Message,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Message::Lost);
        self.shared.tell(self.id, outcome);
    }
}

/// Forgets a question that nobody waits for any more.
struct Asked<'a> {
    shared: &'a Shared,
    number: u32,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(asked) = lock(&self.shared.asked).as_mut() {
            asked.remove(&self.number);
        }
    }
}

/// A body as text, which JavaScript parses fastest; as octets when it is no text.
fn body<'env>(env: &'env Env, reply: &Reply) -> napi::Result<Either<JsString<'env>, Uint8Array>> {
    if reply.body.is_ascii() {
        return env.create_string_latin1(&reply.body).map(Either::A);
    }
    match std::str::from_utf8(&reply.body) {
        Ok(text) => env.create_string(text).map(Either::A),
        Err(_) => Ok(Either::B(reply.body.as_ref().into())),
    }
}

fn full(env: &Env, reply: Reply) -> napi::Result<FullReply<'_>> {
    let mut headers = String::new();
    for (name, value) in &reply.headers {
        headers.extend([name.as_str(), "\n", &String::from_utf8_lossy(value.as_bytes()), "\n"]);
    }
    let body = body(env, &reply)?;
    let Reply { status, request_id, next_page, .. } = reply;
    Ok(FullReply { status, request_id, next_page, headers, body })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

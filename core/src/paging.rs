//! Pages of a list, one after the other, and their items as a stream.

use std::{collections::VecDeque, marker::PhantomData};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, ErrorKind, Reply, Result, caller::Caller, operation::Operation};

/// A page that knows which of its fields are the items.
pub trait Page: DeserializeOwned {
    /// What the list is of.
    type Item;

    /// Takes the items out.
    fn into_items(self) -> Vec<Self::Item>;
}

/// The pages of a list. Nothing is sent before the first one is asked for.
///
/// Links to next pages are followed only on Cronofy's API.
#[must_use = "nothing is sent before a page or an item is asked for"]
pub struct Pages<P> {
    caller: Caller,
    operation: &'static Operation,
    next: Next,
    page: PhantomData<fn() -> P>,
}

enum Next {
    First(Map<String, Value>),
    Link(String),
    /// The first page can't be asked for: its arguments can't be written.
    Refused(Error),
    End,
}

impl<P> std::fmt::Debug for Pages<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("operation", &self.operation.name).finish_non_exhaustive()
    }
}

impl<P: Page> Pages<P> {
    /// The pages of a call with these arguments, or the error that it will answer with.
    pub(crate) fn new(
        caller: Caller,
        operation: &'static Operation,
        arguments: Result<Map<String, Value>>,
    ) -> Self {
        let next = arguments.map_or_else(Next::Refused, Next::First);
        Self { caller, operation, next, page: PhantomData }
    }

    /// The next page, or `None` after the last one.
    ///
    /// After an error the same page is asked for again.
    pub async fn next_page(&mut self) -> Result<Option<P>> {
        let Some(mut reply) = self.next_reply().await? else { return Ok(None) };
        let page = reply.decode()?;
        let next = reply.next_page.take();
        if let (Next::Link(followed), Some(next)) = (&self.next, &next)
            && followed == next
        {
            return Err(Error::new(
                ErrorKind::Decode,
                "the list has no end: its next page is the same page; report this to Cronofy",
            ));
        }
        self.next = next.map_or(Next::End, Next::Link);
        Ok(Some(page))
    }

    /// The items of all pages.
    pub fn items(self) -> impl Stream<Item = Result<P::Item>> + Send + Unpin
    where
        P::Item: Send,
        P: Send,
    {
        let start = (self, VecDeque::new());
        Box::pin(futures_util::stream::try_unfold(start, |(mut pages, mut items)| async move {
            loop {
                if let Some(item) = items.pop_front() {
                    return Ok(Some((item, (pages, items))));
                }
                match pages.next_page().await? {
                    Some(page) => items = page.into_items().into(),
                    None => return Ok(None),
                }
            }
        }))
    }

    /// The items of all pages, collected.
    pub async fn all(mut self) -> Result<Vec<P::Item>> {
        let mut items = Vec::new();
        while let Some(page) = self.next_page().await? {
            items.extend(page.into_items());
        }
        Ok(items)
    }

    async fn next_reply(&self) -> Result<Option<Reply>> {
        match &self.next {
            Next::First(arguments) => self.caller.send(self.operation, arguments.clone()).await.map(Some),
            Next::Link(link) => self.caller.follow(self.operation, link).await.map(Some),
            Next::Refused(error) => Err(error.clone()),
            Next::End => Ok(None),
        }
    }
}

//! The part of the owner's browser, over real HTTP: opens the authorization page, chooses who approves, submits the form,
//! follows the redirect.

use reqwest::{Client, header, redirect::Policy};
use url::{Url, form_urlencoded};

use crate::failure::{Failure, Result};

/// Approves as the person with this e-mail address.
pub(crate) async fn approve(authorization_url: &str, email: &str) -> Result<()> {
    // A program has one TLS provider; a second call finds it installed and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let broken = |error: reqwest::Error| Failure::machine("the browser's part", error.without_url());
    let browser = Client::builder().redirect(Policy::none()).no_proxy().build().map_err(broken)?;
    let page = browser.get(authorization_url).send().await.map_err(broken)?;
    let address = page.url().clone();
    let html = page.text().await.map_err(broken)?;
    let form = Form::read(&html, email)
        .ok_or_else(|| Failure::Demo("the authorization page has no form to approve".to_owned()))?;
    let target = address.join(&form.action).map_err(|error| Failure::machine("the form's address", error))?;
    let answer = browser
        .post(target)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, address.origin().ascii_serialization())
        .body(form.body)
        .send()
        .await
        .map_err(broken)?;
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location
        .and_then(|location| Url::parse(location).ok())
        .ok_or_else(|| Failure::Demo("approving did not lead back to the application".to_owned()))?;
    browser.get(location).send().await.map_err(broken)?;
    Ok(())
}

struct Form {
    action: String,
    body: String,
}

impl Form {
    /// Fills in the form as a person would: every hidden field, the option that shows the address, the Approve button.
    fn read(html: &str, email: &str) -> Option<Self> {
        let form = html.split("<form").nth(1)?.split("</form>").next()?;
        let option = form
            .split("<option")
            .skip(1)
            .find(|option| option.split('<').next().is_some_and(|text| text.contains(email)))?;
        let mut body = form_urlencoded::Serializer::new(String::new());
        for input in
            form.split("<input").skip(1).filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        {
            body.append_pair(&attribute(input, "name")?, &attribute(input, "value")?);
        }
        body.append_pair("approver", &attribute(option, "value")?);
        body.append_pair("decision", "approve");
        Some(Self { action: attribute(form, "action")?, body: body.finish() })
    }
}

/// The value of the first attribute of this name.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    let entities =
        [("&#x2f;", "/"), ("&#x27;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

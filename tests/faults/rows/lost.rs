//! Replies, processes and disks that are lost at the worst moment: no grant is lost with them.

use std::time::Duration;

use orgconnect_faults::{Action, Order, Way};
use orgconnect_sandbox::{Fault, RefreshMode};
use serde_json::Map;

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{HOUR, LIST, World},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "A7",
            "a reply that is cut at any byte is asked for again",
            "the proxy cuts the token request or its reply after every number of bytes, static and grace",
            cut_anywhere
        ),
        row!(
            "A8",
            "a caller that goes away leaves the refresh to finish",
            "1,000 callers dropped at random moments of a refresh, strict rotation",
            dropped_callers
        ),
    ]
}

async fn cut_anywhere(sheet: &mut Sheet) {
    let step = if sheet.is_full() { 1 } else { 40 };
    let mut most = 0;
    for mode in [RefreshMode::Static, RefreshMode::Grace] {
        let world = World::in_mode(mode).await;
        let proxy = world.proxy().await;
        let client = world.builder().base_url(proxy.url()).build().unwrap();
        let connection = world.connect(&client, "clinic").await;
        let mut organization = connection.organization();
        proxy.longest();
        connection.refresh().await.unwrap();
        let (requested, replied) = proxy.longest();
        for (way, length) in [(Way::Request, requested), (Way::Reply, replied)] {
            sheet.note(format!("{mode:?}: {way:?} of {length} bytes"));
            for after in (0..length).step_by(step) {
                world.advance(HOUR * 2);
                let (before, spoiled) = (world.refreshes(), proxy.spoiled());
                if after % 16 == 0 {
                    // Cut after cut would use up one client's budget for retries, as it should.
                    let builder = world.builder().base_url(proxy.url());
                    let next = builder.shared_store(Apart::from(&world.store)).build().unwrap();
                    organization = next.organization("clinic").unwrap();
                }
                let cut =
                    Order { on: "POST /oauth/token".into(), way, after, action: Action::Cut, times: Some(1) };
                proxy.order(cut);
                sheet.runs += 1;
                if let Err(error) = organization.send(LIST, Map::new()).await {
                    sheet.lost += 1;
                    sheet.note(format!("{mode:?} {way:?} {after}: {error:?}"));
                }
                most = most.max(world.refreshes() - before);
                sheet.hold("an order did not apply", proxy.spoiled() == spoiled + 1);
            }
        }
    }
    sheet.note(format!("at most {most} token requests for one refresh"));
    sheet.hold(format!("{most} token requests for one refresh are more than 2"), most <= 2);
}

async fn dropped_callers(sheet: &mut Sheet) {
    let callers = sheet.scale("callers", 100, 1000);
    let world = World::in_mode(RefreshMode::Strict).await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let slow = Fault { delay_before_ms: 3, delay_after_ms: 3, ..Fault::default() };
    world.control().add_fault(slow.on("POST", "/oauth/token"));
    let mut gave_up = 0;
    for number in 0..callers {
        world.advance(HOUR * 2);
        let patience = Duration::from_micros(number * 7_919 % 15_000);
        let call = organization.send(LIST, Map::new());
        gave_up += u64::from(tokio::time::timeout(patience, call).await.is_err());
        let again = organization.send(LIST, Map::new()).await;
        sheet.runs += 1;
        sheet.lost += u64::from(again.is_err());
    }
    sheet.note(format!("{gave_up} callers gave up; {} refreshes in {callers} expiries", world.refreshes()));
    sheet.hold("some callers gave up", gave_up > callers / 4);
    sheet.equal("refreshes", world.refreshes(), callers);
}

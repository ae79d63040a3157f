package io.github.orgconnect;

import io.github.orgconnect.api.CalendarsResponse;
import io.github.orgconnect.api.EventTime;
import io.github.orgconnect.api.Member;
import io.github.orgconnect.api.UpsertEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;

/** What the README shows; QuickstartTest runs it, and sees to it that the two are the same. */
final class JavaQuickstart {
    private JavaQuickstart() {}

    static List<String> run(String url, String clientId, String clientSecret, UnaryOperator<String> ownerApproves) {
        // README
        var settings = Settings.at(url).withTimeout(Duration.ofSeconds(10));
        var client = new Client(clientId, new Secret(clientSecret), settings, new MemoryStore());
        var pending = client.authorize(AuthorizationRequest.organization("http://127.0.0.1:9/callback").payload("tenant-7"));
        String callback = ownerApproves.apply(pending.getUrl());

        // A suspending function takes a continuation last; Futures makes a call wait, or a future.
        Connection connection = Futures.get(c -> client.complete(pending, callback, c));
        Account doc = Futures.get(c -> connection.organization().impersonateEmail("doc@example.com", c));
        var calendars = Futures.<CalendarsResponse>get(c -> doc.getCalendars().list(c)).getCalendars();
        var start = EventTime.of(Instant.parse("2031-03-04T09:00:00Z"));
        var end = EventTime.of(Instant.parse("2031-03-04T09:30:00Z"));
        var event = new UpsertEvent("check-up", "Check-up", start, end).withDescription("Bring nothing");
        try {
            Futures.get(c -> doc.getEvents().upsert(calendars.get(0).getCalendarId(), event, c));
        } catch (OrgconnectException.Invalid refused) {
            System.out.println(refused.getFields());
        }
        CompletableFuture<List<Member>> members = Futures.future(c -> connection.organization().getMembers().list().all(c));
        // README
        return members.join().stream().map(Member::getEmail).toList();
    }
}

import Foundation
import Orgconnect
import Testing

@Suite struct ModelTests {
    private func read<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }

    private func written(_ value: some Encodable) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }

    @Test func aFieldIsLeftRemovedOrSet() throws {
        let event = UpsertEvent(eventID: "1", summary: "x", start: .other("a"), end: .other("b"))
        #expect(try written(event)["url"] == nil)
        var removed = event
        removed.url = .null
        #expect(try written(removed)["url"] == .null)
        removed.url = "https://a.example"
        #expect(try written(removed)["url"] == "https://a.example")
    }

    @Test func unknownFieldsAreKeptAndWrittenAgain() throws {
        let location = try read(Location.self, #"{"description": "Room 4", "floor": {"level": 2}}"#)
        #expect(location.description == "Room 4")
        #expect(location.extra == ["floor": ["level": 2]])
        #expect(try written(location) == ["description": "Room 4", "floor": ["level": 2]])
    }

    @Test func unknownValuesOfOpenEnumsPassThrough() throws {
        #expect(try read([EventStatus].self, #"["confirmed", "postponed"]"#) == [.confirmed, "postponed"])
        #expect(try written([EventStatus.confirmed, "postponed"]) == ["confirmed", "postponed"])
    }

    @Test func anEndOfAnEventIsADateAnInstantOrEitherWithItsZone() throws {
        let instant = try Date("2026-12-07T09:00:00Z", strategy: .iso8601)
        #expect(try read(EventTime.self, #""2026-12-07""#) == .date(CivilDate(year: 2026, month: 12, day: 7)))
        #expect(try read(EventTime.self, #""2026-12-07T10:00:00+01:00""#) == .time(instant))
        let zoned = try read(EventTime.self, #"{"time": "2026-12-07T09:00:00Z", "tzid": "Europe/London"}"#)
        #expect(zoned == .zoned(ZonedTime(time: .time(instant), tzid: "Europe/London")))
        #expect(try read(EventTime.self, #""soon""#) == .other("soon"))
        #expect(try read(EventTime.self, "7") == .other(7))
        #expect(try written(EventTime.time(instant.addingTimeInterval(0.25))) == "2026-12-07T09:00:00Z")
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0.0), ("2000-02-29T23:59:59Z", 951_868_799), ("1969-12-31T23:59:58-00:30", 1_798),
        ("2026-12-07T09:00:00.250Z", 1_796_634_000.25), ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ]) func instantsAreReadAsTheyAre(_ text: String, _ seconds: Double) {
        #expect(Time(text).date?.timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        "", "soon", "2026-12-07", "2026-13-07T09:00:00Z", "2026-02-29T09:00:00Z", "2026-12-07T24:00:00Z",
        "2026-12-07T09:00:00", "2026-12-07T09:00:00.Z", "2026-12-07T09:00:00Zx", "2026-12-07T09:00:00+1:00",
        "１２３４-12-07T09:00:00Z",
    ]) func whatIsNoInstantIsKept(_ text: String) throws {
        #expect(Time(text) == .other(text))
        #expect(try written(Time(text)) == .string(text))
    }

    @Test func everyDayIsWrittenAsItIsRead() {
        var date = Date(timeIntervalSince1970: -62_135_596_800)
        while date.timeIntervalSince1970 < 253_402_300_000 {
            #expect(Time(Time(date).description).date == date)
            date.addTimeInterval(86_400 * 997 + 12_345)
        }
    }

    @Test func aSecretIsReadAndNotSeen() throws {
        let reply = try read(LinkTokenResponse.self, #"{"link_token": "CANARY-8"}"#)
        #expect(reply.linkToken.expose() == "CANARY-8")
        #expect(!shown(reply).contains("CANARY-8"))
    }

    @Test func anyJSONIsReadAndWrittenAsItIs() throws {
        let text = #"{"a":[1,2.5,true,null,"x",{"b":{}}],"big":9007199254740993}"#
        #expect(try written(try read(JSONValue.self, text)) == (try read(JSONValue.self, text)))
        #expect(try read(JSONValue.self, text)["big"] == 9_007_199_254_740_993)
    }
}

import Foundation

/// An instant as Cronofy writes it.
///
/// Sent, it has whole seconds: Cronofy refuses fractions. Received, a text that is no instant of the years 0 to 9999 is
/// kept as it is, so that one odd time doesn't spoil a whole page.
///
/// ```swift
/// let request = ReadEvents(tzid: "Europe/London", lastModified: "2026-12-01T09:00:00Z")
/// let since = ReadEvents(tzid: "Europe/London", lastModified: Time(Date.now))
/// ```
public enum Time: Hashable, Sendable {
    /// An instant.
    case at(Date)
    /// A text that is none.
    case other(String)

    /// An instant.
    public init(_ date: Date) { self = .at(date) }

    /// What a text says: an instant with its offset (RFC 3339), or else the text as it is.
    public init(_ text: String) { self = Instant.parse(text).map(Self.at) ?? .other(text) }

    /// The instant, unless it is none.
    public var date: Date? {
        if case .at(let date) = self { date } else { nil }
    }
}

extension Time: Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// What a text says.
    public init(stringLiteral value: String) { self.init(value) }

    /// Reads a text.
    public init(from decoder: any Decoder) throws { self.init(try String(from: decoder)) }

    /// Writes it as it is sent.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    /// The text as it is sent.
    public var description: String {
        switch self {
        case .at(let date): Instant.write(date)
        case .other(let text): text
        }
    }
}

/// A day of the calendar, without a time.
public struct CivilDate: Hashable, Sendable {
    /// The year.
    public var year: Int
    /// The month, from 1.
    public var month: Int
    /// The day of the month, from 1.
    public var day: Int

    /// A day. Whether there is such a day is checked when it is sent.
    public init(year: Int, month: Int, day: Int) {
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The day that a text such as `2026-12-07` names, and nothing longer.
    public init?(_ text: String) {
        guard text.utf8.count == 10, let date = Instant.day(Array(text.utf8)) else { return nil }
        self = date
    }
}

extension CivilDate: Codable, Comparable, CustomStringConvertible {
    /// Reads a text such as `2026-12-07`.
    public init(from decoder: any Decoder) throws {
        let text = try String(from: decoder)
        guard let date = Self(text) else {
            let context = DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "no date")
            throw DecodingError.dataCorrupted(context)
        }
        self = date
    }

    /// Writes it as a text.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    /// The earlier day first.
    public static func < (left: Self, right: Self) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    /// The day as it is sent.
    public var description: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
}

private func padded(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
}

/// Reads and writes instants: RFC 3339, in the proleptic Gregorian calendar.
enum Instant {
    static func parse(_ text: String) -> Date? {
        let octets = Array(text.utf8)
        guard octets.count >= 20, let day = day(octets), [0x54, 0x74, 0x20].contains(octets[10]) else { return nil }
        guard let hour = digits(octets, 11, 2), let minute = digits(octets, 14, 2), let second = digits(octets, 17, 2),
            octets[13] == 0x3A, octets[16] == 0x3A, hour < 24, minute < 60, second < 60
        else { return nil }
        var at = 19
        var fraction = 0.0
        if octets[at] == 0x2E {
            let begin = at + 1
            var scale = 0.1
            at = begin
            while at < octets.count, (0x30...0x39).contains(octets[at]) {
                fraction += Double(octets[at] - 0x30) * scale
                scale /= 10
                at += 1
            }
            if at == begin { return nil }
        }
        guard at < octets.count, let offset = offset(octets, at) else { return nil }
        let seconds = days(day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    /// Without the fraction of a second.
    static func write(_ date: Date) -> String {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let (days, rest) = seconds.quotientAndRemainder(flooringBy: 86_400)
        let time = [rest / 3_600, rest / 60 % 60, rest % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(day(of: days))T\(time)Z"
    }

    /// The day that a text begins with.
    static func day(_ octets: [UInt8]) -> CivilDate? {
        guard octets.count >= 10, octets[4] == 0x2D, octets[7] == 0x2D, let year = digits(octets, 0, 4),
            let month = digits(octets, 5, 2), let day = digits(octets, 8, 2), (1...12).contains(month), day >= 1
        else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= lengths[month - 1] ? CivilDate(year: year, month: month, day: day) : nil
    }

    private static func digits(_ octets: [UInt8], _ from: Int, _ count: Int) -> Int? {
        var number = 0
        for octet in octets[from..<from + count] {
            guard (0x30...0x39).contains(octet) else { return nil }
            number = number * 10 + Int(octet - 0x30)
        }
        return number
    }

    /// The seconds of an offset such as `Z`, `+01:00` or `-0330`, which must end the text.
    private static func offset(_ octets: [UInt8], _ at: Int) -> Int? {
        let rest = octets.count - at
        switch octets[at] {
        case 0x5A, 0x7A:
            return rest == 1 ? 0 : nil
        case 0x2B, 0x2D:
            let colon = rest == 6 && octets[at + 3] == 0x3A
            guard colon || rest == 5, let hours = digits(octets, at + 1, 2), hours < 26,
                let minutes = digits(octets, at + (colon ? 4 : 3), 2), minutes < 60
            else { return nil }
            return (octets[at] == 0x2D ? -1 : 1) * (hours * 3_600 + minutes * 60)
        default:
            return nil
        }
    }

    /// Days since 1970, by eras of 400 years that begin in March.
    private static func days(_ date: CivilDate) -> Int {
        let year = date.month <= 2 ? date.year - 1 : date.year
        let (era, yearOfEra) = year.quotientAndRemainder(flooringBy: 400)
        let dayOfYear = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func day(of days: Int) -> CivilDate {
        let (era, dayOfEra) = (days + 719_468).quotientAndRemainder(flooringBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return CivilDate(year: year, month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int {
    /// The quotient rounded down, and what remains, which is never negative.
    fileprivate func quotientAndRemainder(flooringBy divisor: Int) -> (Int, Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

import Foundation

/// Writes that are sent together: at most 50. Each is checked when it is added.
///
/// Cronofy answers a batch with 207 whatever became of its entries: every entry has a verdict of its own.
///
/// ```swift
/// let batch = try Batch()
/// try batch.upsertEvent(calendarID: calendarID, UpsertEvent(eventID: "check-up", summary: "Check-up"))
/// try batch.deleteEvent(calendarID: calendarID, DeleteEvent(eventID: "old"))
/// for verdict in try await doc.send(batch) {
///     if case .failure(let error) = verdict { print(error.message) }
/// }
/// ```
public final class Batch: Sendable {
    /// What became of one entry: what it was answered with, mostly nothing; or why it was not carried out.
    public typealias Verdict = Result<JSONValue?, OrgconnectError>

    let entries: any BatchEntries

    package init(entries: any BatchEntries) { self.entries = entries }

    /// Adds an operation by its name, with arguments by their wire names.
    ///
    /// - Throws: ``OrgconnectError/invalid(_:)`` if the batch is full, if Cronofy doesn't take the operation in a batch, or
    ///   if an argument is wrong. The batch is then as it was.
    public func add(_ operation: String, _ arguments: [String: JSONValue] = [:]) throws {
        try entries.add(operation, try Arguments([:], arguments).json())
    }

    /// Adds `events.upsert`.
    public func upsertEvent(calendarID: String, _ request: UpsertEvent) throws {
        try add("events.upsert", calendarID, request)
    }

    /// Adds `events.update_external`.
    public func updateExternalEvent(calendarID: String, _ request: UpdateExternalEvent) throws {
        try add("events.update_external", calendarID, request)
    }

    /// Adds `events.delete`.
    public func deleteEvent(calendarID: String, _ request: DeleteEvent) throws {
        try add("events.delete", calendarID, request)
    }

    /// Adds `events.delete_external`.
    public func deleteExternalEvent(calendarID: String, _ request: DeleteExternalEvent) throws {
        try add("events.delete_external", calendarID, request)
    }

    /// Adds `available_periods.upsert`.
    public func upsertAvailablePeriod(_ request: UpsertAvailablePeriod) throws {
        try entries.add("available_periods.upsert", try Arguments([:], request).json())
    }

    /// Adds `available_periods.delete`.
    public func deleteAvailablePeriod(_ request: DeleteAvailablePeriod) throws {
        try entries.add("available_periods.delete", try Arguments([:], request).json())
    }

    private func add(_ operation: String, _ calendarID: String, _ request: some Encodable) throws {
        try entries.add(operation, try Arguments(["calendar_id": calendarID], request).json())
    }
}

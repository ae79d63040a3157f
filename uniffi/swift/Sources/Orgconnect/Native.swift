// Between the core and Swift, for both doors: calls that a cancelled task cancels, errors, settings, replies. The module of
// the other door has this file as a link.

import Foundation
import OrgconnectCore

#if ORGCONNECT_APP
    import OrgconnectAppNative
#else
    import OrgconnectNative
#endif

/// Makes a call that is cancelled with the task that makes it. What the core does on its own, such as a refresh or an
/// exchange of tokens, goes on to its end.
func calling<Value: Sendable>(_ call: (CancelHandle) async throws -> Value) async throws -> Value {
    let cancel = CancelHandle()
    return try await withTaskCancellationHandler {
        do { return try await call(cancel) } catch let error as NativeError { throw error.swift }
    } onCancel: {
        try? cancel.cancel()
    }
}

/// Makes a call that does no I/O.
func calling<Value>(_ call: () throws -> Value) throws -> Value {
    do { return try call() } catch let error as NativeError { throw error.swift }
}

extension NativeError {
    var swift: any Error {
        switch self {
        case .Failed(let failure): OrgconnectError(failure)
        case .Cancelled: CancellationError()
        }
    }
}

extension OrgconnectError {
    init(_ failure: NativeFailure) {
        let complaints = failure.fields.map { field in
            (field.field, field.errors.map { Complaint(key: $0.key, description: $0.description) })
        }
        let details = Details(
            message: failure.detail,
            status: failure.status.map(Int.init),
            code: failure.code,
            retryAfter: failure.retryAfterMs.map { .milliseconds($0) },
            requestID: failure.requestId,
            fields: Dictionary(complaints) { first, _ in first },
            body: failure.body,
            needsReauthorization: failure.needsReauthorization,
            isTransient: failure.isTransient
        )
        // Kinds that come with a later core are failures of the server as far as this version can tell.
        self.init(kind: Kind(rawValue: failure.kind) ?? .server, details)
    }
}

extension NativeSettings {
    init(
        dataCenter: DataCenter?,
        baseURL: String?,
        timeout: Duration?,
        connectTimeout: Duration?,
        retry: RetryPolicy?,
        rateLimit: RateLimit?,
        maxResponseBytes: UInt64?,
        proxy: String?,
        extraCACertificates: [Data],
        userAgentSuffix: String?,
        clock: ManualClock?
    ) {
        self.init(
            hostLanguage: "swift",
            dataCenter: dataCenter?.rawValue,
            baseUrl: baseURL,
            timeoutMs: timeout?.milliseconds,
            connectTimeoutMs: connectTimeout?.milliseconds,
            retry: retry.map {
                NativeRetry(
                    attempts: $0.attempts,
                    baseDelayMs: $0.baseDelay?.milliseconds,
                    maxDelayMs: $0.maxDelay?.milliseconds
                )
            },
            rateLimit: rateLimit.map { NativeRateLimit(perSecond: $0.perSecond, perMinute: $0.perMinute) },
            maxResponseBytes: maxResponseBytes,
            proxy: proxy,
            extraCaCertificates: extraCACertificates,
            userAgentSuffix: userAgentSuffix,
            clock: clock?.native
        )
    }
}

/// A clock that moves only when told to, for tests.
public final class ManualClock: Sendable {
    let native: NativeClock

    /// A clock that stands at this time.
    public init(startingAt now: Date) throws {
        native = try calling { try NativeClock.startingAt(unixMs: now.milliseconds) }
    }

    /// Moves the clock, forward or back.
    public func shift(by seconds: TimeInterval) throws {
        try calling { try native.shift(byMs: Int64((seconds * 1_000).rounded())) }
    }

    /// The time that it shows.
    public func now() throws -> Date { Date(milliseconds: try calling { try native.now() }) }
}

extension NativeCallOptions {
    init?(_ options: CallOptions?) throws {
        guard let options else { return nil }
        let extra = options.extra.isEmpty ? nil : try JSONEncoder().encode(options.extra)
        self.init(timeoutMs: options.timeout?.milliseconds, attempts: options.attempts, extra: extra)
    }
}

extension Reply {
    init(_ reply: NativeReply) {
        self.init(
            status: Int(reply.status),
            requestID: reply.requestId,
            headers: reply.headers,
            nextPage: reply.nextPage,
            body: reply.body
        )
    }
}

/// The line of a handle.
struct NativeLine: Line {
    let handle: NativeHandle

    func send(_ operation: String, _ arguments: Data, _ options: CallOptions?) async throws -> Reply {
        let options = try NativeCallOptions(options)
        return try await calling { cancel in
            Reply(try await handle.send(operation: operation, arguments: arguments, options: options, cancel: cancel))
        }
    }

    func follow(_ operation: String, _ nextPage: String, _ options: CallOptions?) async throws -> Reply {
        let options = try NativeCallOptions(options)
        return try await calling { cancel in
            Reply(try await handle.follow(operation: operation, nextPage: nextPage, options: options, cancel: cancel))
        }
    }

    func request(
        _ method: String,
        _ path: String,
        _ query: KeyValuePairs<String, String>,
        _ body: Data?,
        _ options: CallOptions?
    ) async throws -> Reply {
        let options = try NativeCallOptions(options)
        let query = query.map { NativeParameter(name: $0.key, value: $0.value) }
        return try await calling { cancel in
            let reply = try await handle.request(
                method: method,
                path: path,
                query: query,
                body: body,
                options: options,
                cancel: cancel
            )
            return Reply(reply)
        }
    }

    func send(_ batch: any BatchEntries, _ options: CallOptions?) async throws -> [Batch.Verdict] {
        guard let batch = batch as? NativeEntries else { preconditionFailure("a batch of another module") }
        let options = try NativeCallOptions(options)
        let verdicts = try await calling { cancel in
            try await handle.sendBatch(batch: batch.batch, options: options, cancel: cancel)
        }
        return verdicts.map { verdict in
            if let failure = verdict.failure { return .failure(OrgconnectError(failure)) }
            return .success(verdict.body.flatMap { try? JSONDecoder().decode(JSONValue.self, from: $0) })
        }
    }
}

extension Caller {
    init(_ handle: NativeHandle) { self.init(line: NativeLine(handle: handle)) }
}

/// The entries of a batch.
struct NativeEntries: BatchEntries {
    let batch = NativeBatch()

    func add(_ operation: String, _ arguments: Data) throws {
        try calling { try batch.add(operation: operation, arguments: arguments) }
    }
}

extension Batch {
    /// An empty batch.
    public convenience init() { self.init(entries: NativeEntries()) }
}

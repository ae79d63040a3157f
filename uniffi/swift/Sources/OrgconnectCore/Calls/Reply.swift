import Foundation

/// The answer to a call that succeeded. The body is as it was received.
public struct Reply: Sendable {
    /// The HTTP status.
    public let status: Int
    /// The id that the server gave the request, if it gives any.
    public let requestID: String?
    /// The headers as they were received, by names in lower case.
    public let headers: [String: String]
    /// The link to the next page of a reply that pages, if there is one.
    public let nextPage: String?
    /// The body.
    public let body: Data

    package init(status: Int, requestID: String?, headers: [String: String], nextPage: String?, body: Data) {
        self.status = status
        self.requestID = requestID
        self.headers = headers
        self.nextPage = nextPage
        self.body = body
    }

    /// Decodes the body.
    ///
    /// - Throws: ``OrgconnectError/decode(_:)`` if it is not the JSON that was asked for; the body is kept in the error.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            let what = "the answer is not what was expected (\(place(of: error)))"
            let details = OrgconnectError.Details(
                message: "\(what); read `Reply.body`, and upgrade if Cronofy has changed",
                status: status,
                requestID: requestID,
                body: body
            )
            throw OrgconnectError.decode(details)
        }
    }

    /// Decodes a body that may be missing.
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value? {
        body.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) } ? nil : try decode(type)
    }
}

/// Where a decoder stopped; not what it found there, which may be personal data.
private func place(of error: any Error) -> String {
    let path: [any CodingKey]? =
        switch error as? DecodingError {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath
        case .keyNotFound(let key, let context): context.codingPath + [key]
        default: nil
        }
    guard let path, !path.isEmpty else { return "it is not JSON of this shape" }
    return "at " + path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
}

extension Reply: CustomDebugStringConvertible, CustomReflectable {
    /// Everything but the content, which may hold tokens or personal data.
    public var debugDescription: String {
        let page = nextPage == nil ? "" : ", with a next page"
        return "Reply(status: \(status), requestID: \(requestID ?? "none"), body: \(body.count) bytes\(page))"
    }

    /// Everything but the content, which may hold tokens or personal data.
    public var customMirror: Mirror {
        Mirror(self, children: ["status": status, "requestID": requestID as Any, "body": "\(body.count) bytes"])
    }
}

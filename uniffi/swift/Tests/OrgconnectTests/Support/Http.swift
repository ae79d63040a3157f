import Foundation
import Orgconnect

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What an HTTP call outside the client came to.
struct Answer {
    var status: Int
    var location: String?
    var text: String

    /// The body as JSON; null where it is none.
    var json: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null }
}

/// Makes calls as they are told, and follows no redirect.
final class Http: Sendable {
    private let session: URLSession

    init() {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpShouldSetCookies = false
        configuration.connectionProxyDictionary = [:]
        session = URLSession(configuration: configuration, delegate: Stay(), delegateQueue: nil)
    }

    deinit { session.finishTasksAndInvalidate() }

    func send(
        _ method: String,
        _ address: String,
        json: JSONValue? = nil,
        form: [String: JSONValue]? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = URLRequest(url: try URL(string: address).orThrow("\(address) is no address"))
        request.httpMethod = method
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let json {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try JSONEncoder().encode(json)
        } else if let form {
            request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
            request.httpBody = Data(form.map { "\(escaped($0))=\(escaped($1.text))" }.joined(separator: "&").utf8)
        }
        let (data, response) = try await session.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw Wrong("no HTTP answer from \(address)") }
        return Answer(
            status: response.statusCode,
            location: response.value(forHTTPHeaderField: "Location"),
            text: String(decoding: data, as: UTF8.self)
        )
    }
}

private func escaped(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
}

private final class Stay: NSObject, URLSessionTaskDelegate {
    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }
}

/// Why a test can't go on.
struct Wrong: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Optional {
    /// The value, or the reason why there should be one.
    func orThrow(_ why: @autoclosure () -> String) throws -> Wrapped {
        guard let self else { throw Wrong(why()) }
        return self
    }
}

extension JSONValue {
    /// The value as a part of a text: texts without their quotes.
    var text: String { string ?? json }

    /// The value as JSON, with its fields in order.
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
    }
}

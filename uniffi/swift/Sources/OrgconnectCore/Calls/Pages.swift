import Foundation

/// A page that knows which of its fields are the items.
public protocol Page: Decodable, Sendable {
    /// What the list is of.
    associatedtype Item: Sendable

    /// The items of this page.
    var pageItems: [Item] { get }
}

/// The pages of a list, one after the other. Nothing is sent before the first one is asked for.
///
/// ```swift
/// for try await event in account.events.read(ReadEvents(tzid: "Europe/London")).items { show(event) }
/// for try await page in account.events.read(ReadEvents(tzid: "Europe/London")) { show(page.events) }
/// ```
///
/// Links to next pages are followed only on Cronofy's API. Each iterator begins anew.
public struct Pages<Element: Page>: AsyncSequence, Sendable {
    private let caller: Caller
    private let operation: String
    private let first: @Sendable () async throws -> Reply

    init(_ caller: Caller, _ operation: String, path: KeyValuePairs<String, String> = [:]) {
        self.init(caller, operation, path: path, NoArguments())
    }

    init(
        _ caller: Caller,
        _ operation: String,
        path: KeyValuePairs<String, String> = [:],
        _ request: some Encodable & Sendable
    ) {
        self.caller = caller
        self.operation = operation
        first = { @Sendable in try await caller.send(operation, path: path, request) }
    }

    /// The items of all pages.
    public var items: Items<Element> { Items(pages: self) }

    /// The items of all pages, collected.
    public func all() async throws -> [Element.Item] {
        var items: [Element.Item] = []
        for try await page in self { items += page.pageItems }
        return items
    }

    /// Begins with the first page.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(caller: caller, operation: operation, next: .first(first))
    }

    /// Asks for one page after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate enum Next {
            case first(@Sendable () async throws -> Reply)
            case link(String)
            case end
        }

        fileprivate let caller: Caller
        fileprivate let operation: String
        fileprivate var next: Next

        /// The next page, or nil after the last one. After an error the same page is asked for again.
        public mutating func next() async throws -> Element? {
            let reply: Reply
            var followed: String?
            switch next {
            case .first(let send):
                reply = try await send()
            case .link(let link):
                reply = try await caller.follow(operation, link)
                followed = link
            case .end:
                return nil
            }
            let page = try reply.decode(Element.self)
            if let followed, reply.nextPage == followed {
                let message = "the list has no end: its next page is the same page; report this to Cronofy"
                throw OrgconnectError.decode(.init(message: message))
            }
            next = reply.nextPage.map(Next.link) ?? .end
            return page
        }
    }
}

/// The items of a list, whichever page they are on.
public struct Items<P: Page>: AsyncSequence, Sendable {
    /// What the list is of.
    public typealias Element = P.Item

    fileprivate let pages: Pages<P>

    /// Begins with the first item.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pages: pages.makeAsyncIterator()) }

    /// Asks for one page after the other, when their items are wanted.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var pages: Pages<P>.AsyncIterator
        private var items: ArraySlice<P.Item> = []

        fileprivate init(pages: Pages<P>.AsyncIterator) { self.pages = pages }

        /// The next item, or nil after the last one.
        public mutating func next() async throws -> P.Item? {
            while true {
                if let item = items.popFirst() { return item }
                guard let page = try await pages.next() else { return nil }
                items = page.pageItems[...]
            }
        }
    }
}

import Foundation
import OrgconnectMobile
import Testing

/// Hands out what the test gives it, and keeps what it was told.
private actor Source: AccessTokenSource {
    private var answers: [Result<AccessToken, any Error>]
    private(set) var rejected: [String?] = []

    init(_ answers: [Result<AccessToken, any Error>]) { self.answers = answers }

    func accessToken(rejected: Secret?) async throws -> AccessToken {
        self.rejected.append(rejected?.expose())
        return try (answers.count > 1 ? answers.removeFirst() : answers[0]).get()
    }
}

private struct Careless: Error, CustomStringConvertible {
    let description = "token CANARY-10"
}

@Suite struct MobileTests {
    init() throws { try serversDoorComesFirst() }

    @Test func callsAreMadeWithTokensOfTheSource() async throws {
        let clinic = try await Clinic()
        let good = AccessToken(try await clinic.connection.accessToken())
        let source = Source([.success(AccessToken(Secret("stale"))), .success(good)])
        let client = try PublicClient(source: source, baseURL: clinic.sandbox.url)
        let reply = try await client.account.request("GET", "/v1/organizational_unit_members")
        #expect(reply.status == 200)
        #expect(await source.rejected == [nil, "stale"])
    }

    @Test func aSourceThatHasNoTokenIsNamed() async throws {
        let sandbox = try Sandbox()
        for (error, kind) in [
            (TokenSourceError.signedOut("sign in first"), OrgconnectError.Kind.authorization),
            (TokenSourceError.unavailable("offline"), .network),
        ] {
            let client = try PublicClient(source: Source([.failure(error)]), baseURL: sandbox.url)
            let failed = try await failure { try await client.account.userinfo.read() }
            #expect(failed.kind == kind)
        }
        let client = try PublicClient(source: Source([.failure(Careless())]), baseURL: sandbox.url)
        let failed = try await failure { try await client.account.userinfo.read() }
        #expect(!shown(failed).contains("CANARY-10"))
        #expect(try await sandbox.requests().isEmpty)
    }

    @Test func anAuthorizationIsHandedToTheBrowserAndItsCallbackToTheBackend() async throws {
        let clinic = try await Clinic()
        let pending = try clinic.client.authorize(redirectURI: World.redirectURI, connectionID: "phone")
        let client = try PublicClient(source: Source([.failure(Careless())]), baseURL: clinic.sandbox.url)
        let handOff = try client.handOff(pending.url)
        #expect(handOff.url == pending.url && handOff.redirectURI == World.redirectURI)
        let callback = try await clinic.sandbox.approve(handOff.url, as: "owner@example.com")
        #expect(try handOff.isCallback(callback) && !handOff.isCallback("https://app.example/settings"))
        let forged = try await failure { try handOff.accept("\(World.redirectURI)?code=x&state=guess") }
        #expect(forged.code == "state_mismatch")
        let connection = try await clinic.client.complete(pending.serialized, handOff.accept(callback))
        #expect(connection.id == "phone")
        #expect(!shown(handOff).contains("state="))
        let evil = try await failure { try client.handOff("https://evil.example/oauth/authorize?state=s") }
        #expect(evil.fields["authorization_url"] != nil)
    }

    @Test func aCancelledTaskCancelsItsCall() async throws {
        let sandbox = try Sandbox()
        let fault: JSONValue = ["path": "/v1/userinfo", "delay_before_ms": 60_000]
        try await sandbox.control("POST", "/sandbox/faults", fault)
        let source = Source([.success(AccessToken(Secret("token")))])
        let account = try PublicClient(source: source, baseURL: sandbox.url).account
        let call = Task { try await account.userinfo.read() }
        while await source.rejected.isEmpty { await Task.yield() }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
    }

    /// What ships in an app has nothing that takes a secret, nor one in it.
    @Test func theArtefactsForAppsHoldNoSecretAndNoDoorForOne() throws {
        let sources = Programs.repository.appendingPathComponent("uniffi/swift/Sources")
        let header = try String(
            contentsOf: sources.appendingPathComponent("OrgconnectAppNativeFFI/OrgconnectAppNativeFFI.h"),
            encoding: .utf8
        )
        let native = try String(
            contentsOf: sources.appendingPathComponent("OrgconnectAppNative/OrgconnectAppNative.swift"),
            encoding: .utf8
        )
        for word in [
            "secret", "refreshtoken", "refresh_token", "nativestore", "nativeclient(", "nativeverifier", "embed",
        ] {
            #expect(!header.lowercased().contains(word), "\(word) in the header")
            #expect(!code(native).lowercased().contains(word), "\(word) in the native module")
        }
        let door = try String(
            contentsOf: sources.appendingPathComponent("OrgconnectMobile/PublicClient.swift"),
            encoding: .utf8
        )
        #expect(!code(door).contains("clientSecret") && !code(door).contains("refreshToken"))

        let library = try Data(contentsOf: Programs.appLibrary)
        for symbol in ["nativeclient_new", "nativestore", "nativeverifier", "nativeembedtokens", "nativeconnection"] {
            #expect(library.range(of: Data("uniffi_orgconnect_uniffi_fn_constructor_\(symbol)".utf8)) == nil)
            #expect(library.range(of: Data("uniffi_orgconnect_uniffi_fn_method_\(symbol)".utf8)) == nil)
        }
        for prefix in ["CRN_", "ESK_"] {
            var rest = library[...]
            while let found = rest.range(of: Data(prefix.utf8)) {
                rest = rest[found.upperBound...]
                let tail = rest.prefix { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F }
                #expect(tail.count < 16, "something that looks like a secret")
            }
        }
        // Everything that the module calls is in the library.
        for match in header.matches(of: #/(uniffi_orgconnect_uniffi_(?:fn|checksum)_[a-z0-9_]+)\(/#) {
            #expect(library.range(of: Data("\(match.1)\0".utf8)) != nil, "\(match.1) is not in the library")
        }
    }

    /// A source without its comments.
    private func code(_ source: String) -> String {
        let lines = source.split(separator: "\n").filter { line in
            let text = line.drop { $0 == " " }
            return !text.hasPrefix("//") && !text.hasPrefix("*") && !text.hasPrefix("/*")
        }
        return lines.joined(separator: "\n")
    }
}

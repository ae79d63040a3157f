import Foundation
import Orgconnect
import Testing

/// Row B12: nobody else's notification is taken for Cronofy's.
@Suite struct WebhookTests {
    static let body = Data(#"{"example":"well-known"}"#.utf8)
    static let vectors = [
        ("CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID", "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0="),
        ("pDY0Oi7TJSP2hfNmZNkm5", "6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="),
    ]

    @Test(arguments: [0, 1]) func publishedVectorsAreAccepted(_ index: Int) throws {
        let (secret, signature) = Self.vectors[index]
        let verifier = try WebhookVerifier(clientSecret: secret)
        #expect(try verifier.verify(signature: signature, body: Self.body))
        #expect(try verifier.verify(signature: " x , \(signature),", body: Self.body))
    }

    @Test func bothSecretsAreAcceptedWhileOneIsReplaced() throws {
        let verifier = try WebhookVerifier(clientSecret: Self.vectors[0].0).orSecret(Self.vectors[1].0)
        for (_, signature) in Self.vectors { #expect(try verifier.verify(signature: signature, body: Self.body)) }
    }

    @Test func noMutationIsAccepted() throws {
        let (secret, signature) = Self.vectors[0]
        let verifier = try WebhookVerifier(clientSecret: secret)
        var accepted = 0
        var random = SystemRandomNumberGenerator()
        for _ in 0..<times(5_000, full: 1_000_000) {
            var octets = Array(signature.utf8)
            var body = Self.body
            if Bool.random(using: &random) {
                // The last letter but one holds bits that base64 does not use.
                octets[Int.random(in: 0..<42, using: &random)] = UInt8.random(in: 0x21...0x7A, using: &random)
            } else {
                body[Int.random(in: 0..<body.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            }
            let changed = String(decoding: octets, as: UTF8.self)
            if changed == signature && body == Self.body { continue }
            if try verifier.verify(signature: changed, body: body) { accepted += 1 }
        }
        #expect(accepted == 0)
        #expect(try !WebhookVerifier(clientSecret: "").verify(signature: signature, body: Self.body))
    }

    @Test func aNotificationIsTypedAndAForgedOneRefused() async throws {
        let sandbox = try Sandbox()
        let application = try await sandbox.application()
        let client = try Client(clientID: application.clientID, clientSecret: application.clientSecret)
        let forged = try await failure { try client.webhooks().receive(signature: "x", body: Self.body) }
        #expect(forged.code == "signature_mismatch")
        let verifier = try WebhookVerifier(clientSecret: Self.vectors[0].0)
        guard case .unknown(let body) = try verifier.receive(signature: Self.vectors[0].1, body: Self.body) else {
            throw Wrong("it should be unknown")
        }
        #expect(body == ["example": "well-known"])
    }

    @Test func aRepetitionIsNoticedUntilItIsForgotten() throws {
        let replays = try ReplayGuard(window: .seconds(60), capacity: 10)
        #expect(try replays.firstTime(Self.body))
        #expect(try !replays.firstTime(Self.body))
        try replays.forget(Self.body)
        #expect(try replays.firstTime(Self.body))
    }
}

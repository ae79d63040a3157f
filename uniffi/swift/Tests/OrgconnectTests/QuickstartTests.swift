import Foundation
import Orgconnect
import Testing

/// The quickstart of the README, which is this function word for word.
func quickstart(clientID: String, clientSecret: String, browser: (String) async throws -> String) async throws {
    // quickstart
    let client = try Client(
        clientID: clientID,
        clientSecret: clientSecret,
        baseURL: ProcessInfo.processInfo.environment["CRONOFY_BASE_URL"],  // the sandbox; without it, dataCenter
        store: .sqlite("tokens.db")
    )

    let pending = try client.authorize(redirectURI: "http://127.0.0.1:9/callback")
    let callback = try await browser(pending.url)  // send the owner there; this is where they come back to

    let connection = try await client.complete(pending, callback)  // state checked, code exchanged, tokens stored
    for try await member in connection.organization.members.list().items {
        print(member.email ?? "", member.sub)
    }

    let doc = try await connection.organization.impersonate(email: "doc@example.com")
    for calendar in try await doc.calendars.list().calendars {
        print(calendar.calendarName ?? "")
    }

    let later = try client.organization(connection.id)  // another day, another process: tokens refresh by themselves
    // end
    _ = later
}

@Suite(.serialized) struct QuickstartTests {
    @Test func theQuickstartRunsAgainstTheSandbox() async throws {
        let sandbox = try Sandbox()
        let application = try await sandbox.application()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("orgconnect-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let before = FileManager.default.currentDirectoryPath
        _ = FileManager.default.changeCurrentDirectoryPath(folder.path)
        defer {
            _ = FileManager.default.changeCurrentDirectoryPath(before)
            try? FileManager.default.removeItem(at: folder)
        }
        setenv("CRONOFY_BASE_URL", sandbox.url, 1)
        try await quickstart(clientID: application.clientID, clientSecret: application.clientSecret) { url in
            try await sandbox.approve(url, as: "owner@example.com")
        }
    }

    @Test func theREADMEShowsTheQuickstartAsItRuns() throws {
        let package = Programs.repository.appendingPathComponent("uniffi/swift")
        let readme = try String(contentsOf: package.appendingPathComponent("README.md"), encoding: .utf8)
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        let lines = source.components(separatedBy: "\n")
        let begin = try lines.firstIndex(of: "    // quickstart").orThrow("no begin")
        let end = try lines.firstIndex(of: "    // end").orThrow("no end")
        let code = lines[(begin + 1)..<end].map { $0.hasPrefix("    ") ? String($0.dropFirst(4)) : $0 }
        #expect(readme.contains("```swift\nimport Orgconnect\n\n\(code.joined(separator: "\n"))\n```"))
    }
}

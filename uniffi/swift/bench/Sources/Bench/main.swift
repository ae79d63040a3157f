// Calls a server of fixed replies with orgconnect and with URLSession, in turns in one run, and prints the calls per second of
// each, and the CPU time of this process for a call: one at a time, and 64 in flight. Both decode the reply into the same model.
//
//     Bench BASE_URL [SECONDS]

import Foundation
import Orgconnect

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

let baseURL = CommandLine.arguments.dropFirst().first ?? "http://127.0.0.1:8788"
let seconds = CommandLine.arguments.count > 2 ? Double(CommandLine.arguments[2]) ?? 3 : 3

let client = try Client(clientID: "id", clientSecret: "secret", baseURL: baseURL)
let account = try client.internalOrganization().impersonate("acc_5700a00eb0ccd07000000000")

let configuration = URLSessionConfiguration.ephemeral
configuration.httpMaximumConnectionsPerHost = 64
let session = URLSession(configuration: configuration)
let address = URL(string: "\(baseURL)/v1/userinfo")!

@Sendable func ours() async throws {
    _ = try await account.userinfo.read()
}

@Sendable func theirs() async throws {
    var request = URLRequest(url: address)
    request.setValue("Bearer secret", forHTTPHeaderField: "Authorization")
    request.setValue("acc_5700a00eb0ccd07000000000", forHTTPHeaderField: "Cronofy-Impersonate")
    let (data, response) = try await session.data(for: request)
    guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw URLError(.badServerResponse) }
    _ = try JSONDecoder().decode(Userinfo.self, from: data)
}

struct Figures {
    var callsPerSecond: Double
    var microsecondsOfCPU: Double
}

/// The CPU time that this process has used, in seconds.
func cpuTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Calls for so many seconds, with so many in flight.
func measure(_ inFlight: Int, _ call: @escaping @Sendable () async throws -> Void) async throws -> Figures {
    let clock = ContinuousClock()
    let (begin, used) = (clock.now, cpuTime())
    let end = begin + .seconds(seconds)
    let calls = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<inFlight {
            group.addTask {
                var calls = 0
                while clock.now < end {
                    try await call()
                    calls += 1
                }
                return calls
            }
        }
        return try await group.reduce(0, +)
    }
    let (whole, rest) = (clock.now - begin).components
    let elapsed = Double(whole) + Double(rest) / 1e18
    return Figures(
        callsPerSecond: Double(calls) / elapsed,
        microsecondsOfCPU: (cpuTime() - used) * 1e6 / Double(calls)
    )
}

func said(_ figures: Figures) -> String {
    "\(Int(figures.callsPerSecond)) calls/s with \(Int(figures.microsecondsOfCPU)) µs of CPU"
}

for inFlight in [1, 64] {
    for round in 0..<4 {
        let (own, peer) = (try await measure(inFlight, ours), try await measure(inFlight, theirs))
        let note = round == 0 ? " (to warm up)" : ""
        print("\(inFlight) in flight: orgconnect \(said(own)), URLSession \(said(peer))\(note)")
    }
}

import Foundation
import Orgconnect
import XCTest

#if canImport(Glibc)
    import Glibc

    /// Row B19 of the faults to survive, from Swift: what was called many thousand times has kept nothing. With XCTest, since
    /// Swift Testing keeps a backtrace of every error that is thrown.
    final class MemoryRows: XCTestCase {
        func testB19ManyCallsAndManyThatFailKeepNoMemory() async throws {
            let clinic = try await Clinic()
            let calls = times(2_000, full: 100_000)
            // The connections, threads and caches that are made once belong to the first fifth.
            var taken: [Int] = []
            for _ in 0..<5 {
                try await carryOut(calls / 5, on: clinic)
                taken.append(try takenFromTheCLibrary() / 1_024)
            }
            print("B19: taken from the C library after each fifth of \(calls) operations: \(taken) KiB")
            let grown = (taken[3...].min() ?? 0) - (taken[1...2].min() ?? 0)
            XCTAssertLessThan(grown, 1_024)
        }

        /// Half of them succeed; the others are refused by the core or by the API, are cancelled, or make a handle.
        private func carryOut(_ count: Int, on clinic: Clinic) async throws {
            let organization = clinic.organization
            for first in stride(from: 0, to: count, by: 64) {
                await withTaskGroup(of: Void.self) { group in
                    for number in first..<min(first + 64, count) {
                        group.addTask { await Self.carryOut(number, on: organization) }
                    }
                }
            }
        }

        private static func carryOut(_ number: Int, on organization: Organization) async {
            switch number % 8 {
            case 0: _ = try? await organization.send("no.such_operation", ["x": "y"])
            case 1: _ = try? await organization.request("GET", "/v1/no_such_path")
            case 2:
                let call = Task { try await organization.send("organization.list_members") }
                call.cancel()
                _ = try? await call.value
            case 3: _ = try? organization.impersonate("acc_5700a00eb0ccd07000000000")
            default: _ = try? await organization.send("organization.list_members")
            }
        }

        /// How many octets are in use of what the C library has handed out: to the core, and to Swift.
        private func takenFromTheCLibrary() throws -> Int {
            let said = try report()
            // The totals of all arenas come last: what was taken from the system, less what lies free in it, and what is
            // mapped on its own.
            func total(_ element: String) throws -> Int {
                let line = said.split(separator: "\n").last { $0.hasPrefix("<\(element)") }
                let size = line?.components(separatedBy: "size=\"").last?.prefix { $0.isNumber }
                return try Int(size ?? "").orThrow("the C library says nothing of \(element)")
            }
            return try total(#"system type="current""#) - total(#"total type="fast""#) - total(#"total type="rest""#)
                + total(#"total type="mmap""#)
        }

        /// What `malloc_info` writes. Swift's module of the C library leaves it out, so it is looked up by its name.
        private func report() throws -> String {
            typealias Report = @convention(c) (CInt, UnsafeMutablePointer<FILE>) -> CInt
            let symbol = try dlsym(nil, "malloc_info").orThrow("the C library has no malloc_info")
            let file = try tmpfile().orThrow("no temporary file can be had")
            defer { fclose(file) }
            guard unsafeBitCast(symbol, to: Report.self)(0, file) == 0 else { throw Wrong("malloc_info failed") }
            rewind(file)
            var text = Data()
            while case let octet = fgetc(file), octet != EOF { text.append(UInt8(octet)) }
            return String(decoding: text, as: UTF8.self)
        }
    }
#endif

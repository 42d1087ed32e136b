import Base
import Testing

@Test func `bounded draws reach every value and never the bound`() {
    var random = SeededGenerator(seed: 1)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<7000 { counts[Int(random.below(7))] += 1 }
    #expect(counts.allSatisfy { $0 > 800 && $0 < 1200 })
}

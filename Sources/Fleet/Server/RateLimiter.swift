/// How often each of many may come: a bucket of tokens for everyone, filled at a steady rate.
struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        var filled: Double
    }

    let burst: Double
    let perSecond: Double
    /// The most that are remembered at once.
    let keyLimit: Int
    private var buckets: [Key: Bucket] = [:]

    /// How many are remembered.
    var count: Int { buckets.count }

    init(burst: Int, perSecond: Double, keyLimit: Int = 200_000) {
        self.burst = Double(burst)
        self.perSecond = perSecond
        self.keyLimit = keyLimit
    }

    /// Takes one token of `key`.
    ///
    /// - Parameter now: seconds of a clock that only runs forward.
    /// - Returns: nil where there was one; else the whole seconds until there is.
    mutating func take(_ key: Key, at now: Double) -> Int? {
        var bucket = buckets[key] ?? Bucket(tokens: burst, filled: now)
        bucket.tokens = min(burst, bucket.tokens + max(0, now - bucket.filled) * perSecond)
        bucket.filled = now
        if buckets[key] == nil, buckets.count >= keyLimit { forget(at: now) }
        guard bucket.tokens >= 1 else {
            buckets[key] = bucket
            return max(1, Int(((1 - bucket.tokens) / perSecond).rounded(.up)))
        }
        bucket.tokens -= 1
        buckets[key] = bucket
        return nil
    }

    /// Who has a full bucket by now is as good as new. Where nobody has, all begin anew: rather that than no bound.
    private mutating func forget(at now: Double) {
        buckets = buckets.filter { $0.value.tokens + (now - $0.value.filled) * perSecond < burst }
        if buckets.count >= keyLimit { buckets = [:] }
    }
}

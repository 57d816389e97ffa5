/// The rules of the house. Each returns what breaks it, in words; an empty list is a pass.
struct HouseRules {
    let house: House
    /// Which target may depend on which.
    let allowed: [String: Set<String>]

    /// One line a target: `JSON: Diagnostics`.
    static func table(_ text: String) -> [String: Set<String>] {
        var table: [String: Set<String>] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard let target = words.first else { continue }
            table[String(target.prefix { $0 != ":" })] = Set(words.dropFirst())
        }
        return table
    }

    private var targets: [PackageTarget] { house.manifest.targets.filter { $0.kind != .test } }

    /// An edge that the table lacks.
    func edgesNotOnTheList() -> [String] {
        targets.flatMap { target -> [String] in
            guard let allowed = allowed[target.name] else { return ["\(target.name) is not on the list"] }
            return target.dependencies.filter { !allowed.contains($0) }.map { "\(target.name) -> \($0)" }
        }
    }

    /// A line or an edge of the table that Package.swift no longer has: it would let the edge come back unseen.
    func listedEdgesThatAreGone() -> [String] {
        allowed.sorted { $0.key < $1.key }.flatMap { name, edges -> [String] in
            guard let target = targets.first(where: { $0.name == name }) else { return ["\(name) is no target"] }
            return edges.subtracting(target.dependencies).sorted().map { "\(name) -> \($0)" }
        }
    }

    /// A test target that reaches past the wrappers. Which Swift targets a test uses is its own business.
    func testsOnC() -> [String] {
        house.manifest.targets.filter { $0.kind == .test }.flatMap { target in
            target.dependencies.filter { house.manifest[$0]?.isC == true }.map { "\(target.name) -> \($0)" }
        }
    }

    /// A C module with more than its one wrapper, by declaration or by import.
    func cModulesWithSeveralWrappers() -> [String] {
        house.manifest.targets.filter(\.isC).compactMap { module in
            let declared = targets.filter { $0.dependencies.contains(module.name) }.map(\.name)
            let importing = house.imports.filter { $0.value.contains { $0.module == module.name } }.map(\.key)
            let wrappers = Set(declared + importing).sorted()
            return wrappers.count > 1 ? "\(module.name) <- \(wrappers.joined(separator: ", "))" : nil
        }
    }

    /// An import of one of our modules without an edge to it. It compiles where another target built the module before.
    func importsWithoutAnEdge() -> [String] {
        let names = Set(house.manifest.targets.map(\.name))
        return house.imports.keys.sorted().flatMap { name -> [String] in
            guard let target = house.manifest[name] else { return ["Sources/\(name) is not declared"] }
            return imports(by: name) { names.contains($0) && !target.dependencies.contains($0) }
        }
    }

    /// A module from outside that is not part of the toolchain's small core. Linked statically, `Foundation` makes a
    /// small program 58 MB large and `FoundationEssentials` 14 MB, where it has 6 MB without (Swift 6.3, x86_64), so
    /// the one is used nowhere and the other only by what never runs on a box.
    func outsideImports() -> [String] {
        let ours = Set(house.manifest.targets.map(\.name))
        let onTheBox = house.manifest.closure(of: "edgeruntime").union(house.manifest.closure(of: "EdgeAgent"))
        return house.imports.keys.sorted().flatMap { name in
            var known: Set<String> = ["Glibc", "Synchronization"]
            if !onTheBox.contains(name) { known.insert("FoundationEssentials") }
            return imports(by: name) { !ours.contains($0) && !known.contains($0) }
        }
    }

    /// What the runtime must not link: archives, keys, the packager and its YAML.
    func runtimeLinksTooMuch() -> [String] {
        let refused: Set<String> = [
            "BundleFormat", "COpenSSL", "CYAML", "CZstd", "Crypto", "Packager", "YAML", "Zstd",
        ]
        return house.manifest.closure(of: "edgeruntime").intersection(refused).sorted()
    }

    /// What the resident agent and the launcher must not link: they talk to nobody but the box's own processes.
    func agentLinksTooMuch() -> [String] {
        let refused: Set<String> = [
            "BundleFormat", "CCurl", "CGnuTLS", "CMicroHTTPD", "COpenSSL", "CYAML", "CZstd", "Crypto", "HTTPClient",
            "HTTPServer",
            "UpdateFramework", "YAML", "Zstd",
        ]
        return ["edgeagent", "edgelaunch"].flatMap { program in
            house.manifest.closure(of: program).intersection(refused).sorted().map { "\(program) -> \($0)" }
        }
    }

    /// A name that says nothing: whatever is put there belongs to whoever uses it, or has a name of its own.
    func namesThatSayNothing() -> [String] {
        let refused = ["Util", "Utils", "Utilities", "Common", "Shared", "Helpers", "Basics", "Misc"]
        return house.manifest.targets.map(\.name).filter { name in refused.contains { name.hasSuffix($0) } }
    }

    /// Targets that the map in ARCHITECTURE.md lacks or holds twice, and lines of it that are no target.
    func differences(fromMap document: String) -> [String] {
        let lines = document.split(separator: "\n").drop { $0 != "## Map of targets" }.dropFirst()
        // A line of the map: | `JSON` | what it is |
        let listed = lines.prefix { !$0.hasPrefix("## ") }.compactMap { line -> String? in
            line.hasPrefix("| `") ? String(line.dropFirst(3).prefix { $0 != "`" }) : nil
        }
        let names = Set(targets.map(\.name))
        return names.subtracting(listed).sorted().map { "\($0) is missing" }
            + Set(listed).subtracting(names).sorted().map { "\($0) is no target" }
            + names.filter { name in listed.count { $0 == name } > 1 }.sorted().map { "\($0) stands twice" }
    }

    private func imports(by target: String, where isWrong: (String) -> Bool) -> [String] {
        (house.imports[target] ?? []).filter { isWrong($0.module) }.map { "\($0.file) imports \($0.module)" }
    }
}

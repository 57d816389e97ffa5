import Testing

/// Each rule on a small house that breaks it: a rule that can't fail guards nothing.
@Suite struct HouseRulesTests {
    /// `edgeruntime -> Engine -> Words`, `Engine -> CEngine`, and `edgepack` beside them.
    private static let sound = """
        // module("Commented", ["Out"])
        let package = Package(
            name: "small",
            products: [.executable(name: "edgeruntime", targets: ["edgeruntime"])],
            targets: [
                library("CEngine", pkgConfig: "engine", apt: "libengine-dev"),
                .target(name: "CGlue", dependencies: ["CEngine"], exclude: ["notes.txt"]),
                module("Words"),
                module(
                    "Engine",
                    ["CGlue", "Words"],
                    exclude: ["Engine.md"]
                ),
                executable("edgepack", ["Words"]),
                executable("edgeruntime", ["Engine"]),
                tests("EngineTests", ["Engine"], exclude: ["Fixtures"]),
            ],
            cLanguageStandard: .gnu2x
        )
        """

    private static let allowed = HouseRules.table(
        """
        edgepack:    Words
        edgeruntime: Engine
        Engine:      CGlue Words
        Words:
        CGlue:       CEngine
        CEngine:
        """
    )

    private static func rules(
        replacing old: String = "",
        with new: String = "",
        imports: [String: [String]] = [:]
    ) throws -> HouseRules {
        var source = sound
        if let range = source.firstRange(of: old) { source.replaceSubrange(range, with: new) }
        let listed = imports.mapValues { $0.map { House.SourceImport(file: "x.swift", module: $0) } }
        return HouseRules(
            house: House(manifest: try PackageManifest(source: source), imports: listed),
            allowed: allowed
        )
    }

    @Test func passesASoundHouse() throws {
        let rules = try Self.rules(imports: [
            "Engine": ["CGlue", "Words", "Glibc"], "edgepack": ["FoundationEssentials"],
        ])
        #expect(rules.edgesNotOnTheList() == [])
        #expect(rules.listedEdgesThatAreGone() == [])
        #expect(rules.testsOnC() == [])
        #expect(rules.cModulesWithSeveralWrappers() == [])
        #expect(rules.importsWithoutAnEdge() == [])
        #expect(rules.outsideImports() == [])
        #expect(rules.runtimeLinksTooMuch() == [])
        #expect(rules.namesThatSayNothing() == [])
    }

    @Test func refusesAnEdgeThatIsNotListed() throws {
        let rules = try Self.rules(replacing: #""edgepack", ["Words""#, with: #""edgepack", ["Words", "Engine""#)
        #expect(rules.edgesNotOnTheList() == ["edgepack -> Engine"])
    }

    @Test func refusesATargetThatIsNotListed() throws {
        let rules = try Self.rules(replacing: #"module("Words"),"#, with: #"module("Words"), module("Numbers"),"#)
        #expect(rules.edgesNotOnTheList() == ["Numbers is not on the list"])
    }

    @Test func refusesAListedEdgeThatIsGone() throws {
        let rules = try Self.rules(replacing: #"["CGlue", "Words"]"#, with: #"["CGlue"]"#)
        #expect(rules.listedEdgesThatAreGone() == ["Engine -> Words"])
    }

    @Test func refusesATestOfC() throws {
        let rules = try Self.rules(replacing: #""EngineTests", ["Engine""#, with: #""EngineTests", ["CEngine""#)
        #expect(rules.testsOnC() == ["EngineTests -> CEngine"])
    }

    @Test func refusesASecondWrapperByDeclaration() throws {
        let rules = try Self.rules(replacing: #""edgepack", ["Words""#, with: #""edgepack", ["CGlue""#)
        #expect(rules.cModulesWithSeveralWrappers() == ["CGlue <- Engine, edgepack"])
    }

    @Test func refusesASecondWrapperByImport() throws {
        let rules = try Self.rules(imports: ["Engine": ["CGlue"], "Words": ["CGlue"]])
        #expect(rules.cModulesWithSeveralWrappers() == ["CGlue <- Engine, Words"])
        #expect(rules.importsWithoutAnEdge() == ["x.swift imports CGlue"])
    }

    @Test func refusesASourceFolderThatIsNotDeclared() throws {
        #expect(try Self.rules(imports: ["Stray": []]).importsWithoutAnEdge() == ["Sources/Stray is not declared"])
    }

    @Test(arguments: [
        ("edgepack", "Foundation"), ("Engine", "Foundation"), ("Words", "FoundationEssentials"),
        ("edgepack", "Dispatch"),
    ])
    func refusesAModuleFromOutside(target: String, module: String) throws {
        #expect(try Self.rules(imports: [target: [module]]).outsideImports() == ["x.swift imports \(module)"])
    }

    @Test func refusesArchiveCodeInTheRuntime() throws {
        let rules = try Self.rules(replacing: #"module("Words")"#, with: #"module("Zstd"), module("Words", ["Zstd"])"#)
        #expect(rules.runtimeLinksTooMuch() == ["Zstd"])
    }

    @Test(arguments: ["Utils", "Common", "Shared", "HTTPUtils"])
    func refusesANameThatSaysNothing(_ name: String) throws {
        let rules = try Self.rules(replacing: #"module("Words"),"#, with: #"module("Words"), module("\#(name)"),"#)
        #expect(rules.namesThatSayNothing() == [name])
    }

    @Test func refusesAMapThatIsNotOfThisHouse() throws {
        let map = """
            ## Map of targets
            | target | what it is |
            | `edgepack` | x |
            | `edgeruntime` | x |
            | `Engine` | x |
            | `Engine` | x |
            | `CGlue` | x |
            | `CEngine` | x |
            | `Numbers` | x |
            ## Threads
            | `watcher` | another table |
            """
        let rules = try Self.rules()
        let expected = ["Words is missing", "Numbers is no target", "Engine stands twice"]
        #expect(rules.differences(fromMap: map) == expected)
    }

    @Test func refusesAPackageFromOutside() {
        #expect(throws: PackageManifestError.outsidePackage("the package has dependencies")) {
            try Self.rules(replacing: "products:", with: #"dependencies: [.package(path: "x")], products:"#)
        }
    }

    @Test func refusesADeclarationThatItCannotRead() {
        #expect(throws: PackageManifestError.unknownDeclaration("macro")) {
            try Self.rules(replacing: #"module("Words")"#, with: #".macro(name: "Words")"#)
        }
    }
}

@Suite struct SourceImportTests {
    @Test(arguments: [
        ("import JSON", ["JSON"]),
        ("package import Digest\ninternal import Glibc", ["Digest", "Glibc"]),
        ("@testable import Zstd; import struct Glibc.stat", ["Zstd", "Glibc"]),
        ("// import A\n/* import B /* import C */ import D */ import E", ["E"]),
        (#"let text = "import A \(f("import B")) import C""#, []),
        ("let text = \"\"\"\n    import os\n    \"\"\"\nimport A", ["A"]),
        (##"let text = #"a " import A \"#; import B"##, ["B"]),
        ("let `import` = 1", []),
    ])
    func findsImportsAndNothingElse(source: String, modules: [String]) throws {
        #expect(try House.modules(importedBy: source) == modules)
    }

    @Test(arguments: [("let a = \"b\nimport C", "string", 1), ("a\n/* b", "comment", 2)])
    func refusesWhatItCannotTakeApart(source: String, what: String, line: Int) {
        #expect(throws: SwiftSourceError.unterminated(what: what, line: line)) {
            try House.modules(importedBy: source)
        }
    }
}

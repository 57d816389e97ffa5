internal import UpdateFramework
internal import WallClock

extension Registry {
    /// Removes what was found to be garbage, and says what it was. What another publisher has written anew meanwhile stays.
    package func remove(_ garbage: RepositoryGarbage) throws {
        for item in garbage.items where try storage.status(of: item.file.path) == item.file {
            try storage.remove(item.file.path)
        }
    }

    /// Whether a proposal can't come into effect any more, whoever signs it.
    func isStale(_ proposal: Proposal) -> Bool {
        do {
            try editor.checkFollows(proposal)
            return false
        } catch let error as ProposalError {
            if case .stale = error { return true }
            return false
        } catch {
            return false
        }
    }
}

internal import HTTPClient
package import UpdateFramework
internal import XML

// Files of any size, of which no more than a part is in memory.

extension S3Storage {
    /// More parts no store takes.
    private static let partLimit = 10_000

    package func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws {
        let key = try key(path)
        guard bytes > partBytes else {
            var whole: [UInt8] = []
            whole.reserveCapacity(bytes)
            try source { whole.append(contentsOf: $0) }
            try require(whole.count == bytes, key)
            let headers = path.storedHeaders
            let request = S3Client.Request(method: .put, key: key, headers: headers, body: whole, operation: "write")
            if let failure = try client.send(request).failure { throw rejected(key, failure) }
            return
        }
        let upload = try begin(path, key)
        do {
            var tags: [String] = []
            var part: [UInt8] = []
            var total = 0
            let size = max(partBytes, (bytes + Self.partLimit - 1) / Self.partLimit)
            part.reserveCapacity(size)
            try source { piece in
                var rest = piece
                while !rest.isEmpty {
                    let taken = min(rest.count, size - part.count)
                    part.append(contentsOf: rest.prefix(taken))
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken))
                    guard part.count == size else { continue }
                    tags.append(try send(part, number: tags.count + 1, of: upload, key))
                    part.removeAll(keepingCapacity: true)
                }
                total += piece.count
            }
            try require(total == bytes, key)
            if !part.isEmpty { tags.append(try send(part, number: tags.count + 1, of: upload, key)) }
            try complete(upload, tags, path, key, bytes)
        } catch {
            // What was sent costs money until it is given up; that it can't be is not what went wrong first.
            let query = [(name: "uploadId", value: upload)]
            _ = try? client.send(S3Client.Request(method: .delete, key: key, query: query, operation: "remove"))
            throw error
        }
    }

    private func require(_ isWhole: Bool, _ key: String) throws(S3Error) {
        guard isWhole else { throw .badAnswer(client.place(of: key), problem: "the file changed while it was read") }
    }

    private func begin(_ path: RepositoryPath, _ key: String) throws -> String {
        let headers = path.storedHeaders
        let request = S3Client.Request(
            method: .post,
            key: key,
            query: [("uploads", "")],
            headers: headers,
            operation: "write"
        )
        let root = try document(of: request, key)
        guard let upload = root["UploadId"]?.text, !upload.isEmpty else {
            throw S3Error.badAnswer(client.place(of: key), problem: "it has no UploadId")
        }
        return upload
    }

    private func send(_ part: [UInt8], number: Int, of upload: String, _ key: String) throws -> String {
        let query = [(name: "partNumber", value: "\(number)"), (name: "uploadId", value: upload)]
        let request = S3Client.Request(method: .put, key: key, query: query, body: part, operation: "write")
        let answer = try client.send(request)
        if let failure = answer.failure { throw rejected(key, failure) }
        guard let tag = answer.headers["etag"],
            tag.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3C && $0 != 0x26 })
        else { throw S3Error.badAnswer(client.place(of: key), problem: "it has no ETag") }
        return tag
    }

    private func complete(
        _ upload: String,
        _ tags: [String],
        _ path: RepositoryPath,
        _ key: String,
        _ bytes: Int
    ) throws {
        let parts = tags.enumerated().map { index, tag in
            "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(tag)</ETag></Part>"
        }
        let body = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
        let query = [(name: "uploadId", value: upload)]
        let request = S3Client.Request(
            method: .post,
            key: key,
            query: query,
            body: Array(body.utf8),
            operation: "write"
        )
        do {
            _ = try document(of: request, key)
        } catch let error as S3Error {
            // Completed by a try that had no answer: the upload is gone, and the file is there.
            guard case .rejected(_, 404, _, _) = error, try status(of: path)?.bytes == bytes else { throw error }
        }
    }

    /// The document that a request is answered with. A store may say 200 before it knows, and then that it failed.
    private func document(of request: S3Client.Request, _ key: String) throws -> XMLElement {
        var body: [UInt8] = []
        let answer = try client.send(request, limitBytes: 1 << 16) { body.append(contentsOf: $0) }
        if let failure = answer.failure { throw rejected(key, failure) }
        let root: XMLElement
        do throws(XMLError) {
            root = try XMLElement.parse(body)
        } catch {
            throw S3Error.badAnswer(client.place(of: key), problem: error.message)
        }
        guard root.name != "Error" else { throw rejected(key, S3Client.Failure(status: answer.status, body: body)) }
        return root
    }
}

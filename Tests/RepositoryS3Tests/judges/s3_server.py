"""An S3 server on loopback: moto, which isn't ours, with the faults of a real store in front of it.

Prints its port when it serves, and the credentials that it takes; makes the bucket `models`, which everybody may read, and ends when its standard
input does.
Writes are taken one after another, so that moto's look at a condition and its write are one.
With `--check-signatures` moto holds every request to the signature of a user that was made for it.

What coming requests meet is told by PUT /-/faults with a list of objects, each for one request (or `times`, or after
`after` of them) whose `method` is this, and whose `path` and `query` hold that: with `lost` the request has its effect and
the answer never comes, `unheard` has none either, `cut` ends the answer's body early, and `status`, `headers`, `code` and
`fields` make an answer of their own.
GET /-/log?PATH tells line by line what was asked of paths that begin so: method, path, query, length of the body.
"""

import json
import os
import sys
import threading

os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")

import boto3  # noqa: E402
from moto import settings  # noqa: E402
from moto.core.authorization import ActionAuthenticatorMixin  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402


class Lost(Exception):
    """Ends a connection without an answer."""


class Store:
    def __init__(self):
        self.app = DomainDispatcherApplication(create_backend_app)
        self.writing = threading.Lock()
        self.faults = []
        self.log = []
        self.credentials = ["test", "test"]

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path.startswith("/-/"):
            return self.steer(method, path, environ, start_response)
        query = environ.get("QUERY_STRING", "")
        self.log.append((method, path, query, environ.get("CONTENT_LENGTH") or "0"))
        fault = self.fault(method, path, query)
        if fault and "status" in fault:
            body = "<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message>%s</Error>" % (
                fault.get("code", ""), fault.get("message", ""),
                "".join("<%s>%s</%s>" % (name, value, name) for name, value in fault.get("fields", {}).items()))
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"].read(length)
            headers = [("Content-Type", "application/xml"), *fault.get("headers", {}).items()]
            start_response("%d Fault" % fault["status"], headers)
            return [b"" if method == "HEAD" else body.encode()]
        if fault and fault.get("unheard"):
            raise Lost
        if method in ("GET", "HEAD"):
            answer = b"".join(self.app(environ, start_response))
        else:
            with self.writing:
                answer = b"".join(self.app(environ, start_response))
        if fault and fault.get("lost"):
            raise Lost
        if fault and "cut" in fault:
            return [answer[: fault["cut"]]]
        return [answer]

    def fault(self, method, path, query):
        for fault in self.faults:
            if (fault.get("method", method) == method and fault.get("path", "") in path
                    and fault.get("query", "") in query):
                if fault.get("after", 0) > 0:
                    fault["after"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def steer(self, method, path, environ, start_response):
        if method == "PUT":
            self.faults += json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        wanted = environ.get("QUERY_STRING", "")
        lines = ["\t".join(entry) for entry in self.log if entry[1].startswith(wanted)]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\n".join(lines).encode()]


class Handler(WSGIRequestHandler):
    def run_wsgi(self):
        try:
            super().run_wsgi()
        except Lost:
            self.close_connection = True

    def log_request(self, *arguments):
        pass

    log = log_request


def main():
    store = Store()
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Handler, passthrough_errors=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_port
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    session.client("s3", endpoint_url=url).create_bucket(Bucket="models", ACL="public-read")
    if "--check-signatures" in sys.argv:
        iam = session.client("iam", endpoint_url=url)
        iam.create_user(UserName="publisher")
        policy = {"Version": "2012-10-17",
                  "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        iam.put_user_policy(UserName="publisher", PolicyName="s3", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="publisher")["AccessKey"]
        store.credentials = [key["AccessKeyId"], key["SecretAccessKey"]]
        iam.create_role(RoleName="borrower", AssumeRolePolicyDocument=json.dumps(policy))
        iam.put_role_policy(RoleName="borrower", PolicyName="s3", PolicyDocument=json.dumps(policy))
        role = iam.get_role(RoleName="borrower")["Role"]["Arn"]
        sts = session.client("sts", endpoint_url=url)
        lent = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        store.credentials += [lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"]]
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        ActionAuthenticatorMixin.request_count = 1
    store.log = []
    print(server.server_port, *store.credentials, flush=True)
    sys.stdin.read()


main()

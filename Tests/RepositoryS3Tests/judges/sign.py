"""Signs requests as botocore does: reads a line of JSON for each, writes its signature."""

import json
import sys
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    case = json.loads(line)
    headers = dict(case["headers"])
    query = "&".join("%s=%s" % (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in case["query"])
    url = "http://" + headers["host"] + case["path"] + ("?" + query if query else "")
    request = AWSRequest(method=case["method"], url=url, headers=headers)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = botocore.auth.S3SigV4Auth(Credentials(case["accessKey"], case["secretKey"]), "s3", case["region"])
    text = signer.string_to_sign(request, signer.canonical_request(request))
    print(signer.signature(text, request))

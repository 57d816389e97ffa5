"""Tell with boto3 what a bucket holds, or change it.

    object_store.py URL list PREFIX            a JSON object: by key, Cache-Control, Content-Type and size
    object_store.py URL remove KEY
    object_store.py URL flip KEY               changes a byte in the middle, and leaves the size
"""

import json
import sys

import boto3


def main():
    url, verb, key = sys.argv[1:]
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    if verb == "list":
        found = {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket="models", Prefix=key):
            for entry in page.get("Contents", []):
                head = client.head_object(Bucket="models", Key=entry["Key"])
                found[entry["Key"]] = [head.get("CacheControl"), head.get("ContentType"), head["ContentLength"]]
        json.dump(found, sys.stdout)
    elif verb == "remove":
        client.delete_object(Bucket="models", Key=key)
    elif verb == "flip":
        body = bytearray(client.get_object(Bucket="models", Key=key)["Body"].read())
        body[len(body) // 2] ^= 1
        client.put_object(Bucket="models", Key=key, Body=bytes(body))


main()

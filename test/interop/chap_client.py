#!/usr/bin/env python3
"""A small iSCSI login client, independent of the product: sockets and hashlib, nothing else.

It performs the login phase of RFC 7143 with CHAP and tells what happened as one line of JSON:
  {"status": "0000", "keys": {...}, "mutual": true}      status class and detail in hexadecimal
Secrets come from the environment: CHAP_SECRET for the initiator, CHAP_TARGET_SECRET to check the
target.
"""
import argparse
import base64
import hashlib
import json
import os
import socket
import struct
import sys

BHS_BYTES = 48
LOGIN_REQUEST = 0x43
LOGIN_RESPONSE = 0x23
SECURITY, OPERATIONAL, FULL_FEATURE = 0, 1, 3
HASHES = {5: "md5", 6: "sha1", 7: "sha256", 8: "sha3_256"}

# computed with `openssl dgst`
VECTOR_SECRET = b"a secret of some length"
VECTOR_IDENTIFIER = 0x2A
VECTOR_CHALLENGE = bytes(range(16))
VECTORS = {
    5: "15f649b1ef72585076d34f87fed5dbd1",
    6: "f23d6082c6f6ff808f1197c7f012be67bcc51e98",
    7: "fea7a15f9f2f7073166233cf75f957a49bc02735ede4377d2e07400a17defd8c",
    8: "9d4acca73cb6f4b14052068a3b390a7ac25ab5c7224fd176995026489a7aedce",
}


class Refused(Exception):
    def __init__(self, status):
        super().__init__("login status %04x" % status)
        self.status = status


def chap_response(algorithm, identifier, secret, challenge):
    digest = hashlib.new(HASHES[algorithm])
    digest.update(bytes([identifier]) + secret + challenge)
    return digest.digest()


def parse_binary(text):
    """A binary value of RFC 7143 6.1: hexadecimal, base64 or, for small numbers, decimal."""
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    if text[:2] in ("0b", "0B"):
        return base64.b64decode(text[2:])
    number = int(text)
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


class Login:
    def __init__(self, args):
        self.args = args
        self.socket = socket.create_connection((args.host, args.port), timeout=10)
        self.isid = bytes.fromhex(args.isid)
        self.tsih = 0
        self.expected_status_number = 0
        self.keys = {}

    def receive_exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the target closed the connection")
            data += piece
        return data

    def send(self, stage, next_stage, pairs):
        text = b"".join(("%s=%s" % pair).encode() + b"\0" for pair in pairs)
        transit = next_stage is not None
        flags = (0x80 if transit else 0) | stage << 2 | (next_stage if transit else 0)
        header = struct.pack(
            ">BBBBI6sHIHHII16x",
            LOGIN_REQUEST, flags, 0, 0, len(text), self.isid, self.tsih, 1, 0, 0, 1,
            self.expected_status_number,
        )
        assert len(header) == BHS_BYTES
        self.socket.sendall(header + text + b"\0" * (-len(text) % 4))

    def receive(self):
        """Returns (flags, keys) of the answer, put together where the C bit splits it."""
        text = b""
        while True:
            header = self.receive_exactly(BHS_BYTES)
            if header[0] & 0x3F != LOGIN_RESPONSE:
                raise ConnectionError("opcode %02x in the login" % header[0])
            length = int.from_bytes(header[5:8], "big")
            text += self.receive_exactly(length + -length % 4)[:length]
            self.expected_status_number = (int.from_bytes(header[24:28], "big") + 1) & 0xFFFFFFFF
            status = int.from_bytes(header[36:38], "big")
            if status:
                raise Refused(status)
            if not header[1] & 0x40:
                break
            self.send(header[1] >> 2 & 3, None, [])
        self.tsih = int.from_bytes(header[14:16], "big")
        pairs = [pair.split("=", 1) for pair in text.decode().split("\0") if pair]
        self.keys.update(pairs)
        return header[1], dict(pairs)

    def first_keys(self):
        args = self.args
        keys = [("InitiatorName", args.initiator), ("SessionType", args.session)]
        if args.session == "Normal":
            keys.append(("TargetName", args.target))
        return keys

    def security(self):
        args = self.args
        self.send(SECURITY, None, self.first_keys() + [("AuthMethod", args.methods)])
        _, answer = self.receive()
        if answer.get("AuthMethod") != "CHAP":
            raise ConnectionError("AuthMethod=%s" % answer.get("AuthMethod"))
        self.send(SECURITY, None, [("CHAP_A", args.algorithms)])
        _, answer = self.receive()
        algorithm = int(answer["CHAP_A"])
        if algorithm not in map(int, args.algorithms.split(",")):
            raise ConnectionError("the target chose CHAP_A=%d" % algorithm)
        identifier = parse_binary(answer["CHAP_I"])[0]
        challenge = parse_binary(answer["CHAP_C"])
        return self.answer_challenge(algorithm, identifier, challenge)

    def answer_challenge(self, algorithm, identifier, challenge):
        args = self.args
        secret = os.environ.get("CHAP_SECRET", "").encode()
        response = chap_response(algorithm, identifier, secret, challenge)
        if args.encoding == "base64":
                encoded = "0b" + base64.b64encode(response).decode()
        else:
            encoded = "0x" + response.hex()
        keys = [("CHAP_N", args.user), ("CHAP_R", encoded)]
        own_identifier, own_challenge = 0x5A, os.urandom(16)
        if args.mutual or args.reflect:
            if args.reflect:
                own_identifier, own_challenge = identifier, challenge
            keys += [("CHAP_I", str(own_identifier)), ("CHAP_C", "0x" + own_challenge.hex())]
        self.send(SECURITY, OPERATIONAL, keys)
        flags, answer = self.receive()
        if not flags & 0x80:
            raise ConnectionError("the target does not leave the security stage")
        if not args.mutual:
            return None
        target_secret = os.environ.get("CHAP_TARGET_SECRET", "").encode()
        expected = chap_response(algorithm, own_identifier, target_secret, own_challenge)
        return answer.get("CHAP_N") == args.mutual and parse_binary(answer["CHAP_R"]) == expected

    def skip_security(self):
        """What an intruder tries: straight into the operational stage."""
        self.send(OPERATIONAL, FULL_FEATURE, self.first_keys())
        self.receive()

    def operational(self):
        self.send(OPERATIONAL, FULL_FEATURE, [("HeaderDigest", "None"), ("DataDigest", "None")])
        flags, _ = self.receive()
        if not flags & 0x80:
            self.send(OPERATIONAL, FULL_FEATURE, [])
            self.receive()

    def run(self):
        if self.args.skip_security:
            self.skip_security()
            return None
        mutual = self.security()
        self.operational()
        return mutual


def self_test():
    for algorithm, digest in VECTORS.items():
        found = chap_response(algorithm, VECTOR_IDENTIFIER, VECTOR_SECRET, VECTOR_CHALLENGE).hex()
        if found != digest:
            raise SystemExit("%s: expected %s, found %s" % (HASHES[algorithm], digest, found))
    assert parse_binary("0x0Aff") == b"\x0a\xff" and parse_binary("0x5") == b"\x05"
    assert parse_binary("0bCv8=") == b"\x0a\xff" and parse_binary("42") == b"\x2a"
    print(json.dumps({"vectors": len(VECTORS)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3260)
    parser.add_argument("--target", default="")
    parser.add_argument("--initiator", default="iqn.2026-11.test:login-client")
    parser.add_argument("--session", choices=("Normal", "Discovery"), default="Normal")
    parser.add_argument("--isid", default="800000000001")
    parser.add_argument("--user", default="")
    parser.add_argument("--methods", default="CHAP")
    parser.add_argument(
        "--algorithms", default="7", help="CHAP_A list: 5 MD5, 6 SHA1, 7 SHA-256, 8 SHA3-256"
    )
    parser.add_argument("--encoding", choices=("hex", "base64"), default="hex")
    parser.add_argument("--mutual", default="", metavar="NAME", help="the target's CHAP name")
    parser.add_argument("--reflect", action="store_true", help="send the target its own challenge")
    parser.add_argument("--skip-security", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    try:
        login = Login(args)
        result = {"status": "0000", "mutual": login.run(), "keys": login.keys, "tsih": login.tsih}
    except Refused as refusal:
        result = {"status": "%04x" % refusal.status}
    except (ConnectionError, OSError, KeyError, ValueError) as error:
        result = {"status": "none", "error": str(error) or type(error).__name__}
    print(json.dumps(result))
    return None


if __name__ == "__main__":
    sys.exit(main())

"""Python loads this before tlsfuzzer's scripts. It makes their ClientHellos those of QUIC: with transport parameters and a
protocol, without a session ID. The server's answers to both are hidden from the scripts, which do not expect them."""

import importlib.abc
import importlib.machinery
import sys

TRANSPORT_PARAMETERS = 57
ALPN = 16


def change_hellos(messages):
    from tlslite.constants import ExtensionType
    from tlslite.extensions import ALPNExtension, TLSExtension

    generator = messages.ClientHelloGenerator
    make_extensions = generator._generate_extensions
    make_hello = generator.generate

    def extensions_of_quic(self, state):
        extensions = make_extensions(self, state)
        types = [extension.extType for extension in extensions]
        if ExtensionType.supported_versions not in types:
            return extensions
        added = []
        if TRANSPORT_PARAMETERS not in types:
            added.append(TLSExtension(extType=TRANSPORT_PARAMETERS).create(bytearray()))
        if ALPN not in types:
            added.append(ALPNExtension().create([bytearray(b"http/1.1")]))
        return added + extensions

    def hello_of_quic(self, state):
        if self.extensions and ExtensionType.supported_versions in self.extensions:
            self.session_id = bytearray()
        return make_hello(self, state)

    generator._generate_extensions = extensions_of_quic
    generator.generate = hello_of_quic


def change_expectations(expect):
    expectation = expect.ExpectEncryptedExtensions
    check_set = expectation._compare_extensions_in_ee
    check_each = expectation._process_extensions

    def without_ours(self, message, check):
        received = message.extensions
        expected = self.extensions or {}
        added = (TRANSPORT_PARAMETERS, ALPN)
        message.extensions = [each for each in received if each.extType not in added or each.extType in expected]
        try:
            check()
        finally:
            message.extensions = received

    def check_set_of_quic(self, message, hello):
        without_ours(self, message, lambda: check_set(self, message, hello))

    def check_each_of_quic(self, state, message):
        without_ours(self, message, lambda: check_each(self, state, message))

    expectation._compare_extensions_in_ee = check_set_of_quic
    expectation._process_extensions = check_each_of_quic


CHANGES = {"tlsfuzzer.messages": change_hellos, "tlsfuzzer.expect": change_expectations}


class Finder(importlib.abc.MetaPathFinder):
    """Changes a module as soon as it is loaded."""

    def find_spec(self, name, path, target=None):
        change = CHANGES.pop(name, None)
        if change is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            change(module)

        spec.loader.exec_module = load_and_change
        return spec


sys.meta_path.insert(0, Finder())

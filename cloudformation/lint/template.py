"""Reads CloudFormation templates into plain dictionaries, with their functions in the long form."""

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)): # the one in C takes a tenth of the time
    pass


class DuplicateKey(ValueError):
    pass


def _mapping(loader, node):
    result = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in result:
            raise DuplicateKey(f"line {key_node.start_mark.line + 1}: {key} stands there twice")
        result[key] = loader.construct_object(value_node, deep=True)
    return result


def _function(loader, name, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = _mapping(loader, node)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _function)


def parse(text):
    return yaml.load(text, _Loader)


def read(path):
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def walk(node, path=()):
    """Every node below this one, itself included, with its path."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, (*path, index))


def branches(node):
    """What a node can become: the branches of Fn::If, without AWS::NoValue; lists are flattened."""
    if isinstance(node, dict) and list(node) == ["Fn::If"]:
        return [leaf for branch in node["Fn::If"][1:] for leaf in branches(branch)]
    if node == {"Ref": "AWS::NoValue"} or node is None:
        return []
    if isinstance(node, list):
        return [leaf for item in node for leaf in branches(item)]
    return [node]


def references(node):
    """The logical ids which a node refers to, by Ref, Fn::GetAtt and Fn::Sub."""
    found = set()
    for _, value in walk(node):
        if not isinstance(value, dict) or len(value) != 1:
            continue
        (name, argument), = value.items()
        if name == "Ref":
            found.add(argument)
        elif name == "Fn::GetAtt":
            found.add(argument[0])
        elif name == "Fn::Sub":
            text, local = argument if isinstance(argument, list) else (argument, {})
            found |= {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]} - set(local)
    return found


def of_type(template, kind):
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def text_of(node, values=None):
    """A node as a text: of functions, what stands in for them; enough to look at ARNs and URLs."""
    values = values or {}
    if isinstance(node, (str, int, float)):
        return str(node)
    if isinstance(node, dict) and len(node) == 1:
        (name, argument), = node.items()
        if name == "Ref":
            return values.get(argument, argument)
        if name == "Fn::GetAtt":
            return values.get(".".join(argument), ".".join(argument))
        if name == "Fn::Sub":
            text, local = argument if isinstance(argument, list) else (argument, {})
            for part in [piece.split("}")[0] for piece in text.split("${")[1:]]:
                text = text.replace("${" + part + "}", text_of(local.get(part, {"Ref": part}), values))
            return text
    return "?"

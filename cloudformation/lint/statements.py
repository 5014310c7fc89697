"""Every IAM statement of templates and policy documents, in one form."""

import template

ACCOUNT = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
# What stands for a resource in a statement, by its type.
ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:123456789012:name",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:123456789012:log-group:name:*",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-abcdef",
    "AWS::EFS::FileSystem": "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0123456789abcdef0",
    "AWS::EFS::AccessPoint": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0",
    "AWS::Events::Rule": "arn:aws:events:us-east-1:123456789012:rule/name",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/name",
}
# What parameters and others are in ARNs.
TEXTS = {
    "ManagedClusters": "*",
    "PassableRoles": "*",
    "KeysSecretArn": ARNS["AWS::SecretsManager::Secret"],
    "FileSystem": "fs-0123456789abcdef0",
    "Account": "123456789012",
    "Name": "blox",
}
# In policy documents, which know no functions.
PLACEHOLDERS = {"REGION": "us-east-1", "ACCOUNT": "123456789012", "API-ID": "a1b2c3d4e5", "STACK": "blox", "STAGE": "blox"}


def _values(document):
    values = {**ACCOUNT, **TEXTS}
    for name, resource in document.get("Resources", {}).items():
        if resource["Type"] in ARNS:
            values[f"{name}.Arn"] = ARNS[resource["Type"]]
            if resource["Type"] == "AWS::SecretsManager::Secret":
                values[name] = values[f"{name}.Arn"]
    return values


def as_list(value):
    return value if isinstance(value, list) else [value]


def _plain(file, where, statement, values):
    texts = lambda node: [template.text_of(leaf, values) for leaf in template.branches(as_list(node))]
    keys = [key for operator in statement.get("Condition", {}).values() for key in operator]
    return {
        "file": file,
        "where": where,
        "effect": statement["Effect"],
        "actions": texts(statement["Action"]),
        "resources": texts(statement["Resource"]) if "Resource" in statement else [],
        "keys": keys,
        "condition": statement.get("Condition", {}),
        "trust": "AssumeRolePolicyDocument" in where,
        "principal": statement.get("Principal"),
    }


def of_template(file, document):
    values = _values(document)
    for path, node in template.walk(document):
        if path and path[-1] == "Statement":
            for number, statement in enumerate(template.branches(node)):
                yield _plain(file, ".".join(map(str, (*path[1:], number))), statement, values)


def of_document(file, document):
    for number, statement in enumerate(document["Statement"]):
        statement = {**statement}
        for key in ("Resource",):
            texts = []
            for text in as_list(statement[key]):
                for name, value in PLACEHOLDERS.items():
                    text = text.replace(name, value)
                texts.append(text)
            statement[key] = texts
        yield _plain(file, f"Statement.{number}", statement, {})


def policy_of_role(document, role):
    """The statements of a role's own policies, as a policy document with ARNs filled in."""
    values = _values(document)
    found = []

    def fill(node):
        if isinstance(node, dict) and len(node) == 1 and next(iter(node)) in ("Ref", "Fn::Sub", "Fn::GetAtt"):
            return template.text_of(node, values)
        if isinstance(node, dict):
            return {key: fill(value) for key, value in node.items()}
        return [fill(item) for item in node] if isinstance(node, list) else node

    for policy in template.branches(document["Resources"][role]["Properties"]["Policies"]):
        for statement in policy["PolicyDocument"]["Statement"]:
            resources = [fill(leaf) for leaf in template.branches(as_list(statement["Resource"]))]
            found.append({**fill({k: v for k, v in statement.items() if k != "Resource"}), "Resource": resources})
    return {"Version": "2012-10-17", "Statement": found}

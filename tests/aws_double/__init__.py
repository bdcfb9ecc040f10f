"""A strict AWS KMS on 127.0.0.1, for tests: what AWS refuses, this refuses.

`KmsDouble` is the only door. It speaks real HTTP, so that boto3 is tested with it:

    with KmsDouble(regions=("us-east-1", "eu-west-1")) as double:
        kms = double.client("kms")

Sources: AWS's developer guide and API reference (states, quotas, errors), and botocore's
service model (shapes, limits, enumerations). Where AWS does not document a text, the text
here is of the same form; tests should look at the code of an error.
"""

from tests.aws_double.clock import ManualClock
from tests.aws_double.door import KmsDouble
from tests.aws_double.errors import ServiceError
from tests.aws_double.identities import Identity

__all__ = ["Identity", "KmsDouble", "ManualClock", "ServiceError"]

"""Pydantic models → CustomResourceDefinitions with structural schemas.

python -m policloud.crdgen crds                        writes one file a kind
python -m policloud.crdgen --docs docs/reference/api   writes one page a kind
"""

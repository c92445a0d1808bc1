"""Typed values → the generated half of the Helm charts.

python -m policloud.chartgen charts     writes Chart.yaml, values.yaml, values.schema.json, the table of README.md, and
                                        the templates made from crds/ and from operator/policloud/manifests/
"""

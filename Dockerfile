# One image for every policloud process. `make image` fills the build folder (wheels by hash, requirements, rootfs.py)
# and starts this; nothing is fetched during the build. BASE needs python3 with venv; of it only what Python loads is
# kept: no shell, no package manager, no pip. What it is, and its figures: docs/reference/image.md
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH=1580601600
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY wheels/ /build/wheels/
COPY requirements.txt /build/
RUN python3 -m venv /build/pip \
 && python3 -m venv --without-pip /opt/policloud \
 && /build/pip/bin/pip --python /opt/policloud/bin/python3 install --quiet --no-compile \
      --no-index --find-links /build/wheels --require-hashes -r /build/requirements.txt
COPY rootfs.py /build/
RUN /opt/policloud/bin/python3 /build/rootfs.py /opt/policloud /rootfs ${SOURCE_DATE_EPOCH}

FROM scratch
COPY --from=build /rootfs/python/ /
COPY --from=build /rootfs/libraries/ /
COPY --from=build /rootfs/policloud/ /
# USER as a variable too: getpass wants a name, and a pod may run as an id that has none here
ENV PATH=/opt/policloud/bin HOME=/tmp USER=policloud LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["policloud"]
CMD ["--help"]

# The importer in a container, with SFTP. Build the wheel first, and name an image with Python and pip:
#   make wheel
#   docker build --build-arg BASE=python:3.13-slim --build-arg UID="$(id -u)" --build-arg GID="$(id -g)" -t importer .
# Run it in a folder of yours: docker run --rm -v "$PWD:/work" importer check …
ARG BASE
FROM ${BASE}
# The container's user must be able to read the private files of the folder, such as .env.
ARG UID=1000
ARG GID=1000
RUN groupadd --non-unique --gid "$GID" importer \
 && useradd --non-unique --uid "$UID" --gid "$GID" --create-home importer \
 && install -d -o importer -g importer /work
COPY requirements-run.lock /tmp/importer/
COPY dist/*.whl /tmp/importer/
RUN python -m pip install --no-cache-dir --require-hashes -r /tmp/importer/requirements-run.lock \
 && python -m pip install --no-cache-dir --no-deps /tmp/importer/*.whl \
 && rm -r /tmp/importer
USER importer
WORKDIR /work
VOLUME /work
ENTRYPOINT ["importer"]

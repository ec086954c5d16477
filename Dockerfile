# The importer in a container. Build the wheel first: make wheel; docker build -t importer .
# Run it in a folder of yours: docker run --rm -v "$PWD:/work" --env-file .env importer check …
FROM python:3.13-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home importer \
 && install -d -o importer -g importer /work
COPY dist/*.whl /tmp/
RUN pip install --no-cache-dir "$(ls /tmp/*.whl)[sftp]" && rm /tmp/*.whl
USER importer
WORKDIR /work
VOLUME /work
ENTRYPOINT ["importer"]

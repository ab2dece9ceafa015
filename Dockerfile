# Two images: `docker build --target serve .` predicts and serves, without TensorFlow; the last one
# trains as well. Both run as a user without rights, in /experiment.
#
#   docker build -t dlcli .
#   docker run --rm -v "$PWD:/experiment" dlcli train configs/concrete.yaml
#   docker build -t dlcli-serve --target serve .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs:/experiment/runs:ro" \
#     -e DLCLI_SERVE_TOKEN dlcli-serve serve concrete --host 0.0.0.0

FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUTF8=1
RUN useradd --create-home --uid 1000 dlcli && mkdir /experiment && chown dlcli /experiment
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY dlcli dlcli
COPY scripts/lean_requirements.py scripts/

FROM base AS serve
RUN python scripts/lean_requirements.py serve > lean.txt
RUN pip install -r lean.txt
RUN pip install --no-deps .
USER dlcli
WORKDIR /experiment
EXPOSE 8000
ENTRYPOINT ["dlcli"]
CMD ["--help"]

FROM base AS train
RUN pip install '.[serve]'
USER dlcli
WORKDIR /experiment
EXPOSE 8000
ENTRYPOINT ["dlcli"]
CMD ["--help"]

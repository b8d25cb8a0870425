# Tutor without its models: they are fetched into the volume at the first start, checked by SHA-256.
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home tutor
WORKDIR /opt/tutor
COPY pyproject.toml requirements.lock README.md ./
COPY scripts scripts
COPY src src
COPY corpus corpus
COPY app.py ./
RUN python scripts/install_torch.py torch==2.13.0 && pip install --no-cache-dir -c requirements.lock -e . \
 && mkdir /home/tutor/.tutor && chown -R tutor /opt/tutor /home/tutor/.tutor
USER tutor
ENV TUTOR_HOME=/home/tutor/.tutor TUTOR_HOST=0.0.0.0
VOLUME /home/tutor/.tutor
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=3s --start-period=600s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/healthz')"
# TUTOR_PASSWORD must be set: an address that others reach needs one. Where the port is published, TUTOR_ALLOWED_HOSTS
# names what is typed into the browser, such as `localhost`: inside, such a request comes from another machine.
CMD ["sh", "-c", "tutor models pull && tutor index && exec python app.py"]

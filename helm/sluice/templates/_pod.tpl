{{/* The volumes of the container, items for `volumes`. */}}
{{- define "sluice.volumes" -}}
- name: sluice-tmp
  emptyDir:
    sizeLimit: 16Mi
{{- if include "sluice.hasConfig" . }}
- name: sluice-config
  projected:
    sources:
      {{- with .Values.existingConfigMap.name }}
      - configMap:
          name: {{ . | quote }}
      {{- end }}
      {{- if include "sluice.configData" . }}
      - configMap:
          name: {{ include "sluice.fullname" . }}
      {{- end }}
{{- end }}
{{- if and .Values.keys.existingSecret (eq .Values.keys.as "files") }}
- name: sluice-keys
  secret:
    secretName: {{ .Values.keys.existingSecret | quote }}
    # The files belong to root and the pod may have no fsGroup; only this container mounts them.
    defaultMode: 0444
{{- end }}
{{- end -}}

{{/*
Annotations of the pod: with `rollOnConfigChange` a changed configuration makes new pods; with `scrapeAnnotations` Prometheus
finds /metrics. Empty when there are neither.
*/}}
{{- define "sluice.podAnnotations" -}}
{{- $annotations := dict -}}
{{- if .Values.rollOnConfigChange -}}
{{- $_ := set $annotations "checksum/sluice-config" (include "sluice.configData" . | sha256sum) -}}
{{- end -}}
{{- if .Values.scrapeAnnotations -}}
{{- $_ := set $annotations "prometheus.io/scrape" "true" -}}
{{- $_ := set $annotations "prometheus.io/port" (int .Values.admin.port | toString) -}}
{{- $_ := set $annotations "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- if $annotations -}}
{{- toYaml $annotations -}}
{{- end -}}
{{- end -}}

{{/* Labels of the pod, by which the PodMonitor finds it. */}}
{{- define "sluice.podLabels" -}}
sluice/instance: {{ include "sluice.fullname" . }}
{{- end -}}

{{/* `env` and `envFrom`. What is named first can be referred to as $(NAME) by what follows; the user's own come last. */}}
{{- define "sluice.environment" -}}
env:
  - name: SLUICE_ADMIN
    value: {{ printf "%s:%d" .Values.admin.host (int .Values.admin.port) | quote }}
  # Limits by client_ip on loopback count per pod, by this name.
  {{- include "sluice.fieldVariable" (list "POD_NAME" "metadata.name") | nindent 2 }}
  {{- if .Values.otlp.endpoint }}
  {{- include "sluice.traceVariables" . | nindent 2 }}
  {{- end }}
  {{- if .Values.redis.existingSecret }}
  - name: REDIS_URL
    valueFrom:
      secretKeyRef:
        name: {{ .Values.redis.existingSecret | quote }}
        key: {{ .Values.redis.key | quote }}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if and .Values.keys.existingSecret (eq .Values.keys.as "env") }}
envFrom:
  - secretRef:
      name: {{ .Values.keys.existingSecret | quote }}
{{- end }}
{{- end -}}

{{/* Where spans go, and the resource that they carry; https://opentelemetry.io/docs/specs/semconv/resource/k8s/ */}}
{{- define "sluice.traceVariables" -}}
{{ include "sluice.fieldVariable" (list "POD_NAMESPACE" "metadata.namespace") }}
{{ include "sluice.fieldVariable" (list "NODE_NAME" "spec.nodeName") }}
{{ include "sluice.fieldVariable" (list "NODE_IP" "status.hostIP") }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otlp.endpoint | quote }}
- name: OTEL_SERVICE_NAME
  value: {{ .Values.otlp.serviceName | quote }}
{{- $attributes := list "k8s.pod.name=$(POD_NAME)" "k8s.namespace.name=$(POD_NAMESPACE)" "k8s.node.name=$(NODE_NAME)" }}
{{- range $name, $value := .Values.otlp.resourceAttributes }}
{{- $attributes = append $attributes (printf "%s=%s" $name $value) }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ join "," $attributes | quote }}
{{- end -}}

{{/* A variable from the downward API. Takes (list NAME fieldPath). */}}
{{- define "sluice.fieldVariable" -}}
- name: {{ index . 0 }}
  valueFrom:
    fieldRef:
      fieldPath: {{ index . 1 }}
{{- end -}}

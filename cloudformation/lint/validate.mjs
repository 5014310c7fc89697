// Validates templates with AWS' own validator: reads {"files": [...], "parameters": {file: {...}}}.
import { readFileSync } from 'node:fs';
import { CelEngine, TemplateFile } from '@aws/cloudformation-validate';

const question = JSON.parse(readFileSync(0, 'utf8'));
const engine = new CelEngine();
const answer = [];
for (const file of question.files) {
    // Without a value for each parameter it tries every combination of what they may be.
    const report = engine.validateStandard(new TemplateFile(file), { parameterOverrides: question.parameters });
    for (const found of report.diagnostics) {
        answer.push({ file, severity: found.severity, rule: found.ruleId, where: found.entity?.logicalId ?? '',
            line: found.startLine ?? 0, message: found.message });
    }
}
engine.free();
process.stdout.write(JSON.stringify(answer));
